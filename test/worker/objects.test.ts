/** Many objects as one source: whatever the cuts, the records are those of each object read by itself. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { csvFields } from '../../shared/csv-fields.ts'
import type { Assignment, RunDocument } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import { createMemoryObjects } from '../../shared/memory/objects.ts'
import { PartitionPlan } from '../../shared/partition-plan.ts'
import { type PipelineInput, parsePipeline } from '../../shared/pipeline.ts'
import {
  objectKeys,
  type PlacedObject,
  packed,
  placedObjects,
  planOfList,
  type RunObject,
} from '../../shared/plan/objects.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { planRun } from '../../shared/plan.ts'
import type { Objects } from '../../shared/ports.ts'
import type { PartitionRecord } from '../../shared/records.ts'
import { miscuts } from '../../shared/tiling.ts'
import { PartitionState } from '../../shared/vocabulary.ts'
import { formatOf } from '../../worker/read/format.ts'
import { type PartitionEnd, readPartition } from '../../worker/read/partition.ts'
import { Rejects } from '../../worker/read/rejects.ts'
import { Spool } from '../../worker/read/spool.ts'

type Source = PipelineInput['source']
interface Given {
  objects: Objects
  run: RunDocument
  assignments: Assignment[]
}

/** A run over the contents, planned as it would be from a list of two objects a page. */
async function given(source: Source, contents: (string | Buffer)[], partitionBytes: number): Promise<Given> {
  const objects = createMemoryObjects()
  const listed: RunObject[] = []
  for (const [at, content] of contents.entries()) {
    const name = Buffer.isBuffer(content) ? `${at}.gz` : `${at}`
    const { bytes, etag } = await objects.write({ bucket: 'drops', key: name }, Buffer.from(content))
    listed.push({ key: name, bytes, etag })
  }
  const input = { name: 'a', source, work: { sql: 'SELECT 1' }, output: { prefix: 'o/' } }
  const firstAt = Math.max(
    0,
    listed.findIndex(({ bytes }) => bytes > 0),
  )
  const first = listed[firstAt]
  assert.ok(first)
  const look = {
    source: { bucket: 'drops', ...first },
    head: Buffer.from(contents[firstAt] ?? ''),
    read: async () => Buffer.alloc(0),
  }
  const one = await planRun('r', parsePipeline(input, 'a'), look, first.bytes || 1)
  if (isRefusal(one)) return assert.fail(one.words)
  const pages = []
  for (let page = 0; page * 2 < listed.length; page++) {
    const own = listed.slice(page * 2, page * 2 + 2)
    const body = Buffer.from(JSON.stringify({ objects: own }))
    await objects.write({ bucket: 'state', key: objectKeys.page('r', 'l', page) }, body)
    pages.push({ page, objects: own.length, bytes: own.reduce((sum, { bytes }) => sum + bytes, 0) })
  }
  await objects.write(
    { bucket: 'state', key: objectKeys.index('r', 'l') },
    Buffer.from(JSON.stringify({ pages })),
  )
  const bytes = listed.reduce((sum, object) => sum + object.bytes, 0)
  const list = { bucket: 'state', listing: 'l', objects: listed.length, bytes, pages: pages.length }
  const manifest = { bucket: 'drops', key: '_manifests/a/x', bytes: 1, etag: 'm' }
  const run = planOfList(one, manifest, list, { partitionBytes, partitions: 0 })
  const assignments = await Array.fromAsync(packed(run, pagesOf(listed)))
  return { objects, run: { ...run, partitions: assignments.length }, assignments }
}

async function* pagesOf(objects: RunObject[]): AsyncGenerator<PlacedObject[]> {
  yield placedObjects({ objects }, 0, 0)
}

interface ReadOne extends PartitionEnd {
  records: (string | undefined)[][]
  rejects: { key: string; byteOffset: number }[]
}

async function readOne(dir: string, { objects, run }: Given, assignment: Assignment): Promise<ReadOne> {
  const format = formatOf(run)
  const spool = new Spool(join(dir, 'spool'), format.dialect)
  const rejects = new Rejects(join(dir, 'rejects'), 0, run)
  try {
    const end = await readPartition({ objects, run, assignment, format }, spool, rejects)
    const text = await readFile(spool.file)
    const rows = parse(text, {
      delimiter: format.dialect.delimiter,
      quote: format.dialect.quote,
      record_delimiter: '\n',
      raw: true,
    }) as unknown as { raw: string }[]
    const records = rows.map(({ raw }) => csvFields(Buffer.from(raw.replace(/\n$/, '')), format.dialect))
    const rejected = await readFile(rejects.file, 'utf8').catch(() => '')
    return {
      ...end,
      records,
      rejects: rejected
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line)),
    }
  } finally {
    spool.close()
    await rm(spool.file)
    await rm(rejects.file, { force: true })
  }
}

/** As settle does: what does not tile is read again, until it does. */
async function readAll(dir: string, run: Given) {
  const reads = new Map<number, ReadOne>()
  let todo = run.assignments
  for (let rounds = 0; todo.length > 0; rounds++) {
    assert.ok(rounds < 30, 'does not tile after 30 rounds')
    for (const one of todo) {
      const read = await readOne(dir, run, one).catch(error => {
        if (!isError(error, 'BAD_INPUT') || one.objectStart === undefined) throw error
        return readOne(dir, run, { ...one, scanFrom: one.objectStart })
      })
      reads.set(one.partition, read)
    }
    const reports = [...reads]
      .toSorted(([a], [b]) => a - b)
      .map(([partition, { range }]) => record(partition, range))
    const plan = new PartitionPlan(run.run, [], new Map(run.assignments.entries()))
    todo = miscuts(run.run, reports, rounds > 3, plan).map(({ assignment }) => assignment)
  }
  const inOrder = [...reads].toSorted(([a], [b]) => a - b).map(([, read]) => read)
  return {
    records: inOrder.flatMap(({ records }) => records),
    rejects: inOrder.flatMap(({ rejects }) => rejects),
  }
}

function record(partition: number, range: PartitionEnd['range']): PartitionRecord {
  const counts = { recordsRead: 0, recordsRejected: 0, recordsWritten: 0, outputs: [], lines: 0 }
  const report = { ...counts, ...(range ? { range } : {}) }
  return { runId: 'r', partition, state: PartitionState.SUCCEEDED, fence: 1, round: 1, report }
}

async function withDir<Result>(work: (dir: string) => Promise<Result>): Promise<Result> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-objects-'))
  return work(dir).finally(() => rm(dir, { recursive: true }))
}

const csvSource: Source = {
  prefix: 'in/',
  format: 'csv',
  columns: { a: 'VARCHAR', b: 'VARCHAR' },
  header: true,
}
const read = async (source: Source, contents: (string | Buffer)[], partitionBytes: number) =>
  withDir(async dir => readAll(dir, await given(source, contents, partitionBytes)))

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`

describe('many CSV objects', () => {
  test('in partitions of any size give the records of each, header by header', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'ü', '"', ',', '\n', ' '), maxLength: 6 })
    const object = fc.record({
      rows: fc.array(fc.tuple(cell, cell), { maxLength: 6 }),
      mark: fc.boolean(),
      last: fc.boolean(),
      zipped: fc.constantFrom('', 'gzip', 'zstd', 'none', 'none'),
    })
    const property = fc.asyncProperty(
      fc.array(object, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 80 }),
      async (objects, partitionBytes) => {
        const contents = objects.map(({ rows, mark, last, zipped }) => {
          if (zipped === '') return ''
          const lines = ['a,b', ...rows.map(row => row.map(quoted).join(','))]
          const text = (mark ? '\ufeff' : '') + lines.join('\n') + (last ? '\n' : '')
          if (zipped === 'gzip') return gzipSync(text)
          return zipped === 'zstd' ? zstdCompressSync(text) : text
        })
        const all = await read(csvSource, contents, partitionBytes)
        assert.deepEqual(
          all.records,
          objects.flatMap(({ rows, zipped }) => (zipped === '' ? [] : rows)),
        )
        assert.deepEqual(all.rejects, [])
      },
    )
    await fc.assert(property, { seed: 20261121, numRuns: 150 })
  })

  test('whose columns stand in another order are read by name', async () => {
    const all = await read(csvSource, ['a,b\n1,2\n', 'b,a\n4,3\n"",5\n'], 1000)
    assert.deepEqual(all.records, [
      ['1', '2'],
      ['3', '4'],
      ['5', ''],
    ])
  })

  test('give NULL for what one of them lacks, and drop what no column names, where drift is ignored', async () => {
    const all = await read({ ...csvSource, drift: 'ignore' }, ['a,b\n1,2\n', 'c,a\n9,3\n'], 1000)
    assert.deepEqual(all.records, [
      ['1', '2'],
      ['3', undefined],
    ])
  })

  test('cannot have other columns than the first, and the object is named', async () => {
    const refused = read(csvSource, ['a,b\n1,2\n', 'a,c\n1,2\n'], 1000)
    await assert.rejects(refused, error => {
      assert.ok(isError(error, 'BAD_INPUT'))
      assert.equal(error.refusal, 'COLUMNS_DIFFER')
      assert.match(error.message, /^1: /)
      return true
    })
  })

  test('are not taken with one of another format among them', async () => {
    for (const other of ['PAR1\x15\0...PAR1', gzipSync('Obj\x01')]) {
      await assert.rejects(read(csvSource, ['a,b\n1,2\n', other], 1000), { refusal: 'FORMAT_DIFFERS' })
    }
  })

  test('tell of a rejected record which object it is in, and where', async () => {
    const all = await read(csvSource, ['a,b\n1,2\n', 'a,b\n3,4\n5\n', gzipSync('a,b\n6\n')], 7)
    assert.deepEqual(
      all.rejects.map(({ key, byteOffset }) => [key, byteOffset]),
      [
        ['1', 8],
        ['2.gz', 0],
      ],
    )
  })
})

describe('what is wrong with one object is said with its name, where', () => {
  const faults: [string, Source, (string | Buffer)[], RegExp][] = [
    [
      'a quote never closes',
      csvSource,
      ['a,b\n1,2\n', 'a,b\n1,"2\n3,4\n'],
      /^1: A quote in the record at byte 4 /,
    ],
    [
      'a log names other fields',
      { prefix: 'in/', format: 'lines', preset: 'cloudfront' },
      ['#Version: 1.0\n', '#Version: 1.0\n#Fields: time date\n'],
      /^1: line 2 /,
    ],
    [
      'a stream breaks off',
      csvSource,
      ['a,b\n', gzipSync('a,b\n1,2\n').subarray(0, -3)],
      /^1\.gz: A gzip member breaks off/,
    ],
  ]
  for (const [what, source, contents, words] of faults) {
    test(what, async () => {
      await assert.rejects(read(source, contents, 1000), error => {
        assert.ok(isError(error, 'BAD_INPUT'))
        assert.match(error.message, words)
        return true
      })
    })
  }
})

describe('an object larger than a partition', () => {
  const rows = Array.from({ length: 60 }, (_, at) => [`${at}`, `line\nof "${at}"`])
  const large = `a,b\n${rows.map(([a, b]) => `${a},${quoted(b ?? '')}`).join('\n')}\n`

  test('is cut by itself, wherever it stands', async () => {
    for (const partitionBytes of [3, 17, 100, 333]) {
      const all = await read(csvSource, ['a,b\nx,y\n', large, 'a,b\nz,z\n'], partitionBytes)
      assert.deepEqual(all.records, [['x', 'y'], ...rows, ['z', 'z']])
    }
  })

  test('cannot be cut where it turns out to be compressed under a name that does not say so', async () => {
    const run = await given(csvSource, ['a,b\nx,y\n', large], 100)
    const zipped = gzipSync(Buffer.concat([Buffer.from(large), randomBytes(large.length)]))
    const same = zipped.subarray(0, large.length)
    const reading: Objects['read'] = async (ref, options) =>
      ref.key === '1' ? Readable.from([same]) : run.objects.read(ref, options)
    const mixed = { ...run, objects: { ...run.objects, read: reading } }
    await assert.rejects(
      withDir(dir => readAll(dir, mixed)),
      error => {
        return (
          isError(error, 'BAD_INPUT') &&
          error.refusal === 'COMPRESSION_MIXED' &&
          error.message.startsWith('1: ')
        )
      },
    )
  })

  test('is taken whole where it is compressed', async () => {
    const run = await given(csvSource, ['a,b\nx,y\n', gzipSync(large)], 16)
    assert.equal(run.assignments.filter(({ end }) => end > 8).length, 1)
    const all = await withDir(dir => readAll(dir, run))
    assert.equal(all.records.length, 61)
  })
})

describe('many objects of lines', () => {
  test('end each with its last line, newline or not', async () => {
    const source: Source = { prefix: 'in/', format: 'lines' }
    for (let partitionBytes = 1; partitionBytes < 20; partitionBytes++) {
      const all = await read(source, ['one\ntwo', '', '\n', 'three\n', '\ufefffour'], partitionBytes)
      assert.deepEqual(all.records, [['one'], ['two'], [''], ['three'], ['four']])
    }
  })

  test('cannot be read where one of them was overwritten', async () => {
    const run = await given({ prefix: 'in/', format: 'lines' }, ['one\n', 'two\n'], 100)
    await run.objects.write({ bucket: 'drops', key: '1' }, Buffer.from('new\n'))
    const reading = withDir(dir => readAll(dir, run))
    await assert.rejects(reading, error => isError(error, 'SOURCE_CHANGED'))
  })
})

/** Counts the reads of listed objects that are under way. */
async function slowly(run: Given) {
  const seen = { most: 0, underWay: 0 }
  const reading: Objects['read'] = async (ref, options) => {
    if (ref.bucket === 'state') return run.objects.read(ref, options)
    seen.most = Math.max(seen.most, ++seen.underWay)
    await turn()
    seen.underWay--
    return run.objects.read(ref, options)
  }
  return { seen, run: { ...run, objects: { ...run.objects, read: reading } } }
}

describe('small objects', () => {
  const lines: Source = { prefix: 'in/', format: 'lines' }
  const contents = Array.from({ length: 50 }, (_, at) => `line ${at}\n`)

  test('are asked for ahead of their turn, a few at a time, and read in order', async () => {
    const { seen, run } = await slowly(await given(lines, contents, 10_000))
    const all = await withDir(dir => readAll(dir, run))
    assert.deepEqual(
      all.records.flat(),
      contents.map(line => line.trimEnd()),
    )
    assert.ok(seen.most > 4 && seen.most <= 17, `${seen.most} at once`)
  })

  test('cannot hide that one of them is gone', async () => {
    const { run } = await slowly(await given(lines, contents, 10_000))
    await run.objects.remove([{ bucket: 'drops', key: '30' }])
    await assert.rejects(
      withDir(dir => readAll(dir, run)),
      error => isError(error, 'SOURCE_CHANGED'),
    )
  })
})
