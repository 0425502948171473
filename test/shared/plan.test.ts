import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { placeOf, type RunDocument } from '../../shared/documents.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { isRefusal, type Refusal } from '../../shared/plan/refusal.ts'
import {
  cut,
  firstRound,
  headBytesMax,
  type Look,
  partitionsMax,
  pipelineFor,
  planRun,
  runIdOf,
} from '../../shared/plan.ts'
import { documentOf, pipelineOf, runId } from './given.ts'

const csv = (more: object = {}) =>
  pipelineOf({
    source: { prefix: 'orders/', format: 'csv', columns: { id: 'INTEGER', name: 'VARCHAR' }, ...more },
  })

/** Of an object whose first bytes are these; by default they are all of it. */
function planOf(
  head: string | Buffer,
  pipeline = csv(),
  bytes = Buffer.byteLength(head),
): Promise<RunDocument | Refusal> {
  return planRun(runId, pipeline, lookAt(Buffer.from(head), bytes))
}

/** An object of `bytes` bytes, of which only the head may be read. */
function lookAt(head: Buffer, bytes = head.length): Look {
  const source = { bucket: 'drops', key: 'orders/a', bytes, etag: 'e' }
  return { source, head, read: () => assert.fail('planning this must not read more than the head') }
}

function layoutOf(plan: RunDocument | Refusal) {
  return 'code' in plan
    ? plan.code
    : { columns: plan.columns.map(({ name, type }) => `${name} ${type}`), dataStart: plan.dataStart }
}

describe('the id of a run', () => {
  const id = runIdOf('orders', { bucket: 'b', key: 'k' }, 'v1')

  test('is the same for the same source, whoever asks', () => {
    assert.match(id, /^orders_[0-9a-f]{24}$/)
    assert.equal(runIdOf('orders', { bucket: 'b', key: 'k' }, 'v1'), id)
  })

  test('differs in pipeline, bucket, key and version, and cannot be confused by where one ends', () => {
    const others = [
      runIdOf('other', { bucket: 'b', key: 'k' }, 'v1'),
      runIdOf('orders', { bucket: 'c', key: 'k' }, 'v1'),
      runIdOf('orders', { bucket: 'b', key: 'kv' }, '1'),
      runIdOf('orders', { bucket: 'b', key: 'k' }, 'v2'),
    ]
    assert.equal(new Set([id, ...others]).size, 5)
  })
})

describe('the pipeline of a key', () => {
  const [short, long] = [
    pipelineOf({ source: { prefix: 'a/', format: 'lines' } }),
    pipelineOf({ source: { prefix: 'a/b/', format: 'lines' } }),
  ]

  const taker = (pipelines: Pipeline[], key: string, bucket = 'drops'): Pipeline | undefined =>
    pipelineFor(pipelines, { bucket, key }, 'drops')

  test('is the one with the longest prefix', () => {
    assert.equal(taker([short, long], 'a/b/c'), long)
    assert.equal(taker([long, short], 'a/c'), short)
  })

  test('is none where no prefix fits', () => assert.equal(taker([short, long], 'ab/c'), undefined))

  test('is one of the bucket that the object is in, however long the prefixes of others', () => {
    const [whole, part] = [
      pipelineOf({ source: { bucket: 'lake', prefix: '', format: 'lines' } }),
      pipelineOf({ source: { bucket: 'lake', prefix: 'a/b/', format: 'lines' } }),
    ]
    const all = [short, long, whole, part]
    assert.equal(taker(all, 'a/b/c'), long)
    assert.equal(taker(all, 'a/b/c', 'lake'), part)
    assert.equal(taker(all, '_groups/c', 'lake'), whole)
    assert.equal(taker(all, 'a/b/c', 'pond'), undefined)
    assert.equal(taker([whole, part], 'a/b/c'), undefined)
  })
})

describe('the layout of a CSV', () => {
  test('has its types from the pipeline and its order from the header', async () => {
    assert.deepEqual(layoutOf(await planOf('name,id\na,1\n')), {
      columns: ['name VARCHAR', 'id INTEGER'],
      dataStart: 8,
    })
  })

  test('is text throughout where the pipeline names no columns', async () => {
    const plan = await planOf('x,y\n1,2\n', csv({ columns: undefined }))
    assert.deepEqual(layoutOf(plan), { columns: ['x VARCHAR', 'y VARCHAR'], dataStart: 4 })
  })

  test('begins behind a byte order mark, quotes and CRLF', async () => {
    assert.deepEqual(layoutOf(await planOf('\ufeff"id","name"\r\n1,a\r\n')), {
      columns: ['id INTEGER', 'name VARCHAR'],
      dataStart: 16,
    })
  })

  test('begins at once where there is no header', async () => {
    assert.deepEqual(layoutOf(await planOf('1,a\n', csv({ header: false }))), {
      columns: ['id INTEGER', 'name VARCHAR'],
      dataStart: 0,
    })
  })

  for (const [what, head, code] of [
    ['names a column less', 'id\n1\n', 'COLUMNS_DIFFER'],
    ['names a column more', 'id,name,age\n', 'COLUMNS_DIFFER'],
    ['names one twice', 'id,name,id\n', 'HEADER_AMBIGUOUS'],
    ['is UTF-32, little end first', Buffer.from([0xff, 0xfe, 0, 0, 0x69, 0, 0, 0]), 'ENCODING_NOT_SUPPORTED'],
    ['is UTF-32, big end first', Buffer.from([0, 0, 0xfe, 0xff, 0, 0, 0, 0x69]), 'ENCODING_NOT_SUPPORTED'],
  ] as const) {
    test(`cannot be had where the header ${what}: ${code}`, async () =>
      assert.equal(layoutOf(await planOf(head)), code))
  }

  test('cannot be had where the header does not end within what is read', async () => {
    const head = `"${'x'.repeat(headBytesMax - 1)}`
    assert.equal(layoutOf(await planOf(head, csv(), head.length + 1)), 'HEADER_TOO_LONG')
  })

  test('cannot be had without header and columns', async () => {
    assert.equal(
      layoutOf(await planOf('1,2\n', csv({ header: false, columns: undefined }))),
      'COLUMNS_UNKNOWN',
    )
  })

  test('of nothing but a header is of no partitions', async () => {
    for (const head of ['id,name\n', 'id,name', '', '\ufeff']) {
      const plan = await planOf(head)
      assert.equal('code' in plan ? plan.code : plan.partitions, 0, JSON.stringify(head))
    }
  })
})

const sizeOf = async (bytes: number) => {
  const plan = await planRun(runId, pipelineOf(), lookAt(Buffer.from('x'), bytes))
  return 'code' in plan ? plan.code : [plan.partitions, plan.partitionBytes]
}

describe('partitions', () => {
  test('tile the data exactly, whatever its size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(5000), fc.integer({ min: 1, max: 700 }), async (bytes, partitionBytes) => {
        const look = lookAt(Buffer.alloc(Math.min(bytes, 10)), bytes)
        const plan = await planRun(runId, pipelineOf(), look, partitionBytes)
        assert.ok(!('code' in plan))
        const cuts = [...firstRound(plan)].flatMap(({ assignments }) => assignments)
        assert.equal(cuts.length, plan.partitions)
        const bounds = [0, ...cuts.flatMap(({ start, end }) => [start, end]), bytes]
        for (let at = 0; at < bounds.length; at += 2) assert.equal(bounds[at], bounds[at + 1])
        assert.ok(cuts.every(({ start, end }) => start < end))
      }),
      { seed: 5 },
    )
  })

  test('are at most a million: more are refused, with the size that would do', async () => {
    const look = lookAt(Buffer.from('x'), partitionsMax * 10 + 1)
    const plan = await planRun(runId, pipelineOf(), look, 10)
    assert.ok('code' in plan)
    assert.match(plan.remedy, /at least 11\./)
    assert.ok(!isRefusal(await planRun(runId, pipelineOf(), look, 11)))
  })

  test('are 256 MiB where nobody says otherwise, and larger where they would be over 10,000', async () => {
    assert.deepEqual(await sizeOf(1024 ** 3), [4, 256 * 1024 ** 2])
    assert.deepEqual(await sizeOf(5 * 1024 ** 4), [10_000, Math.ceil((5 * 1024 ** 4) / 10_000)])
  })

  test('are written a thousand a page, and a child finds its own by arithmetic', () => {
    const document = documentOf(2500)
    const pages = [...firstRound(document)]
    assert.deepEqual(
      pages.map(({ assignments }) => assignments.length),
      [1000, 1000, 500],
    )
    const { page, offset } = placeOf(0, 2345, 10_000)
    assert.deepEqual(pages[page]?.assignments[offset], cut(document, 2345))
    assert.deepEqual(placeOf(1, 2345, 10_000), { page: 12, offset: 345 })
  })
})
