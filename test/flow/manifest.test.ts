/** A dropped list becomes one run over all that it names. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { readDocument } from '../../functions/steps/documents.ts'
import { listManifest } from '../../functions/steps/manifest.ts'
import { pagesOfList } from '../../functions/steps/object-list.ts'
import { type RunDocument, stateKeys } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import type { PipelineInput } from '../../shared/pipeline.ts'
import { runIdOf } from '../../shared/plan.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell, runOf } from './endings.ts'
import { csvPipeline, linesOf, linesPipeline } from './settings.ts'

const parquetPipeline: PipelineInput = {
  ...linesPipeline(),
  name: 'rows',
  source: { prefix: 'rows/', format: 'parquet' },
}

function houseOf(options: Partial<HouseOptions> = {}): MemoryHouse {
  const lines = linesPipeline({ split: { partitionBytes: 60 } })
  return new MemoryHouse({ pipelines: [lines, csvPipeline, parquetPipeline], ...options })
}

/** Beside the drops bucket's rules: nobody is told of objects in it. */
async function place(
  house: MemoryHouse,
  key: string,
  body: string | Buffer,
  bucket = 'archive',
): Promise<void> {
  await house.ports.objects.write({ bucket, key }, Buffer.from(body))
}

async function dropManifest(
  house: MemoryHouse,
  body: string | Buffer,
  name = 'list.json',
  pipeline = 'text',
): Promise<string> {
  const ref = { bucket: house.config.buckets.drops, key: `_manifests/${pipeline}/${name}` }
  const { version = '' } = await house.ports.objects.write(ref, Buffer.from(body))
  await house.untilEnded()
  return runIdOf(pipeline, ref, version)
}

async function keysOf(house: MemoryHouse, runId: string): Promise<string[]> {
  const { objects } = house.ports
  const ref = { bucket: house.config.buckets.state, key: stateKeys.run(runId) }
  const run = await readDocument<RunDocument>(objects, ref)
  return (await Array.fromAsync(pagesOfList({ objects }, run))).flat().map(({ key }) => key)
}

async function archived(): Promise<MemoryHouse> {
  const house = houseOf()
  for (const at of [3, 1, 2]) await place(house, `logs/${at}.txt`, linesOf(at, `of ${at}`))
  await place(house, 'logs/empty.txt', '')
  await place(house, 'logs/deep/4.tmp', linesOf(4))
  return house
}

const inventoryOf = (rows: string[][]): string =>
  rows.map(row => `${row.map(field => `"${field}"`).join(',')}\n`).join('')

describe('a manifest', () => {
  const lists: [string, string | Buffer, string[]][] = [
    [
      'of a prefix',
      JSON.stringify({ prefix: 's3://archive/logs/' }),
      ['logs/1.txt', 'logs/2.txt', 'logs/3.txt', 'logs/deep/4.tmp', 'logs/empty.txt'],
    ],
    [
      'of a prefix with patterns',
      JSON.stringify({ prefix: 's3://archive/logs/', include: ['logs/*'], exclude: ['**/2.*'] }),
      ['logs/1.txt', 'logs/3.txt', 'logs/empty.txt'],
    ],
    [
      'of objects',
      JSON.stringify({
        objects: [
          { bucket: 'archive', key: 'logs/2.txt' },
          { bucket: 'archive', key: 'logs/1.txt' },
        ],
      }),
      ['logs/2.txt', 'logs/1.txt'],
    ],
    [
      'of NDJSON',
      '{"bucket":"archive","key":"logs/2.txt"}\n"s3://archive/logs/1.txt"\n',
      ['logs/2.txt', 'logs/1.txt'],
    ],
    ['of URIs', 's3://archive/logs/2.txt\r\n\ns3://archive/logs/3.txt', ['logs/2.txt', 'logs/3.txt']],
    [
      "of S3 Inventory's CSV",
      inventoryOf([
        ['archive', 'logs%2F1.txt'],
        ['archive', 'logs/3.txt'],
      ]),
      ['logs/1.txt', 'logs/3.txt'],
    ],
  ]
  for (const [what, body, keys] of lists) {
    test(`${what} becomes one run over just those objects`, async () => {
      const house = await archived()
      const runId = await dropManifest(house, body)
      assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
      assert.deepEqual(await keysOf(house, runId), keys)
      await assertWell(house)
    })
  }

  test('manifest.json of S3 Inventory is followed to its data, wherever it lies', async () => {
    const house = await archived()
    const info = await house.ports.objects.head({ bucket: 'archive', key: 'logs/3.txt' })
    const rows = inventoryOf([
      ['archive', 'logs/3.txt', `${info?.bytes}`, `${info?.etag}`, 'true', 'false'],
      ['archive', 'logs/1.txt', '20', 'old', 'false', 'false'],
      ['archive', 'logs/2.txt', '', '', 'true', 'true'],
    ])
    await place(house, 'inventory/data/a.csv', rows)
    const manifest = {
      destinationBucket: 'arn:aws:s3:::archive',
      fileFormat: 'CSV',
      fileSchema: 'Bucket, Key, Size, ETag, IsLatest, IsDeleteMarker',
      files: [{ key: 'inventory/data/a.csv', size: 1, MD5checksum: 'x' }],
    }
    const runId = await dropManifest(
      house,
      JSON.stringify(manifest),
      'archive/daily/2026-01-01T00-00Z/manifest.json',
    )
    assert.deepEqual(await keysOf(house, runId), ['logs/3.txt'])
    assert.equal((await runOf(house, runId)).totals?.recordsRead, 3)
  })

  test('cuts the run into partitions of equal bytes', async () => {
    const house = await archived()
    const runId = await dropManifest(house, JSON.stringify({ prefix: 's3://archive/logs/' }))
    const run = await runOf(house, runId)
    assert.equal(run.totals?.recordsRead, 10)
    assert.equal(run.partitions, 5, '200 bytes of 60 at most, the object of 80 by itself')
  })

  const refused: [string, string, string, string?][] = [
    ['that names nothing', '{"prefix":"s3://archive/none/"}', 'LIST_EMPTY'],
    ['that is no list', '{"prefixes":[]}', 'MANIFEST_INVALID'],
    ['of objects in the state bucket', '{"key":"runs/a/run.json","bucket":"state"}\n', 'BUCKET_NOT_ALLOWED'],
    ['with a prefix of the state bucket', '{"prefix":"s3://state/pieces/"}', 'BUCKET_NOT_ALLOWED'],
    ['with a line that names nothing', 's3://archive/logs/1.txt\n{"name":"x"}\n', 'MANIFEST_INVALID'],
    ['that names what is not there', 's3://archive/logs/9.txt\n', 'OBJECT_MISSING'],
    [
      'of an inventory in ORC',
      '{"destinationBucket":"a","fileFormat":"ORC","fileSchema":"x","files":[]}',
      'INVENTORY_FORMAT_NOT_SUPPORTED',
    ],
    ['whose objects are no Parquet files', '{"prefix":"s3://archive/logs/"}', 'PARQUET_NOT_VALID', 'rows'],
    ['whose objects lack the columns', '{"prefix":"s3://archive/logs/"}', 'COLUMNS_DIFFER', 'table'],
  ]
  for (const [what, body, code, pipeline] of refused) {
    test(`${what} is refused: ${code}`, async () => {
      const house = await archived()
      const run = await runOf(house, await dropManifest(house, body, 'list', pipeline))
      assert.deepEqual([run.state, run.failure?.code], [RunState.REFUSED, code])
      assert.match(run.failure?.remedy ?? '', /\S/)
    })
  }

  test('cannot be taken by a pipeline that is not there, nor can what lies beside an inventory', async () => {
    const house = await archived()
    await dropManifest(house, '{}', 'list.json', 'nobody')
    await dropManifest(house, 'x', 'archive/daily/data/a.csv.gz')
    assert.deepEqual(house.ports.jobs.submitted(), [])
    assert.equal(house.logged.filter(({ message }) => message === 'no pipeline takes this key').length, 2)
  })
})

test('a prefix is not listed again where planning died behind its plan', async () => {
  let died = false
  const house = houseOf({
    fault: ({ name, subject }) => {
      const { pk, sk } = (name === 'records.put' ? subject : {}) as { pk?: string; sk?: string }
      if (died || !pk?.startsWith('RUN#') || sk !== 'RUN') return undefined
      died = true
      return 'before'
    },
  })
  for (const at of [1, 2]) await place(house, `logs/${at}.txt`, linesOf(at))
  const runId = await dropManifest(house, '{"prefix":"s3://archive/logs/"}')
  assert.ok(died)
  assert.equal(house.calls.filter(({ by, name }) => by === 'partition' && name === 'objects.list').length, 1)
  const run = await runOf(house, runId)
  assert.deepEqual([run.totals?.recordsRead, run.objects], [3, { count: 2, bytes: 60 }])
})

test('a listing that takes too long is refused, and the remedy is an inventory', async () => {
  const house = houseOf({ dawdles: () => 200_000 })
  for (let at = 0; at < 1001; at++) await place(house, `logs/${at}`, '')
  const run = await runOf(house, await dropManifest(house, '{"prefix":"s3://archive/logs/"}'))
  assert.deepEqual([run.state, run.failure?.code], [RunState.REFUSED, 'LIST_TOO_LONG'])
  assert.match(run.failure?.remedy ?? '', /Inventory/)
})

test('a list may be compressed, and a broken one is no shorter list', async () => {
  const house = await archived()
  const list = gzipSync('s3://archive/logs/1.txt\ns3://archive/logs/2.txt\n')
  const read = async (body: Buffer) => {
    const ref = { bucket: 'archive', key: 'list.gz' }
    const { bytes, etag } = await house.ports.objects.write(ref, body)
    return listManifest(house.worldOf(person), 'r', { ...ref, bytes, etag })
  }
  assert.equal((await read(list))?.list.objects, 2)
  await assert.rejects(read(list.subarray(0, -9)), error => {
    return isError(error, 'BAD_INPUT') && error.refusal === 'MANIFEST_INVALID'
  })
})

async function play(fault?: HouseOptions['fault']): Promise<MemoryHouse> {
  const house = houseOf(fault ? { fault } : {})
  for (const at of [1, 2, 3]) await place(house, `logs/${at}.txt`, linesOf(at, `of ${at}`))
  const runId = await dropManifest(house, '{"prefix":"s3://archive/logs/"}')
  await house.untilEnded(3)
  assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
  await assertWell(house)
  return house
}

test('a list whose planning fails at any call, and comes again, is loaded once', async () => {
  const { calls } = await play()
  const own = calls.flatMap(({ by }, at) => (by === 'partition' ? [at] : []))
  assert.ok(own.length > 10)
  for (const at of own) {
    for (const when of ['before', 'after'] as const)
      await play((_, number) => (number === at ? when : undefined))
  }
})
