import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { stateKeys } from '../../shared/documents.ts'
import { type MergeTask, mergesOf } from '../../shared/merge.ts'
import { fromItem, type PartitionRecord, recordKeys } from '../../shared/records.ts'
import { PartitionState, Stage } from '../../shared/vocabulary.ts'
import { buckets, contentOf, type GivenOptions, givenRun, rowsOf, runId, worked } from './given.ts'

const mergeRound = 2
const mebibyte = 1024 ** 2

/** Every partition worked, and the merge round opened for what became of them. */
async function givenMerges(options: GivenOptions) {
  const given = await givenRun({
    ...options,
    output: { targetFileBytes: mebibyte, ...options.output },
  })
  const records: PartitionRecord[] = []
  for (const index of given.assignments.keys()) {
    const { partition, exitCode, log } = await worked(given, { index })
    assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
    if (partition) records.push(partition)
  }
  const tasks = mergesOf(given.run, records)
  const put = (key: string, document: unknown) =>
    given.objects.write({ bucket: buckets.state, key }, Buffer.from(JSON.stringify(document)))
  for (const task of tasks) await put(stateKeys.merge(runId, task.merge), task)
  await put(stateKeys.assignments(runId, mergeRound, 0), {
    round: mergeRound,
    page: 0,
    stage: Stage.merge,
    assignments: tasks.map(({ partition }) => ({ partition, start: 0, end: 0 })),
  })
  return { given, tasks, inputs: tasks.flatMap(({ inputs }) => inputs) }
}

type GivenMerges = Awaited<ReturnType<typeof givenMerges>>

async function merged({ given, tasks }: GivenMerges, task: MergeTask | undefined = tasks[0]) {
  const { exitCode, log } = await worked(given, { round: mergeRound, index: task?.merge ?? 0 })
  const item = await given.records.get(recordKeys.partition(runId, task?.partition ?? 0))
  const record = item && fromItem<PartitionRecord>(item)
  const outputs = record?.report?.outputs ?? []
  const content = await (exitCode === 0 && outputs[0]
    ? contentOf(given.objects, buckets.output, outputs[0].key)
    : Buffer.alloc(0))
  return { exitCode, log, record, outputs, content }
}

/** Leaves what is official: the merged files alone. */
async function sweep({ given, inputs }: GivenMerges): Promise<void> {
  await given.objects.remove(inputs.map(({ key }) => ({ bucket: buckets.output, key })))
}

const rows = Array.from({ length: 40 }, (_, at) => `${at},${at % 3 === 0 ? '"x\ny"' : 'z'}`)
const text = `n,t\n${rows.join('\n')}\n`
const small = { text, partitionBytes: 60 }
const decoders = { none: (bytes: Buffer) => bytes, gzip: gunzipSync, zstd: zstdDecompressSync }

describe('a merge', () => {
  test('makes one Parquet file of many, with every row in its order', async () => {
    const merges = await givenMerges(small)
    assert.ok(merges.inputs.length >= 4)
    const { outputs, record } = await merged(merges)
    assert.deepEqual(
      outputs.map(({ key, records }) => [key, records]),
      [[`out/run=${runId}/merged-00000000-1.parquet`, 40]],
    )
    assert.equal(record?.state, PartitionState.SUCCEEDED)
    assert.deepEqual([record?.report?.recordsRead, record?.report?.recordsWritten], [40, 40])
    await sweep(merges)
    const numbers = await rowsOf(merges.given, 'SELECT n FROM output')
    assert.deepEqual(
      numbers.flat(),
      rows.map((_, at) => String(at)),
    )
  })

  for (const compression of ['none', 'gzip', 'zstd'] as const) {
    test(`makes one CSV file of many (${compression}): the header once, then all records byte for byte`, async () => {
      const merges = await givenMerges({ ...small, output: { format: 'csv', compression } })
      const { content, outputs } = await merged(merges)
      assert.equal(decoders[compression](content).toString(), text)
      assert.equal(outputs[0]?.records, 40)
    })

    test(`makes one NDJSON file of many (${compression})`, async () => {
      const merges = await givenMerges({ ...small, output: { format: 'ndjson', compression } })
      const { content } = await merged(merges)
      const lines = decoders[compression](content).toString().trimEnd().split('\n')
      assert.deepEqual(
        lines.map(line => (JSON.parse(line) as { n: string }).n),
        rows.map((_, at) => String(at)),
      )
    })
  }

  test('stays within its column=value folder', async () => {
    const merges = await givenMerges({
      ...small,
      sql: 'SELECT n, CAST(n AS INTEGER) % 2 AS odd FROM input',
      partitionBy: ['odd'],
    })
    assert.deepEqual(
      merges.tasks.map(({ folder }) => folder),
      ['odd=0/', 'odd=1/'],
    )
    const { outputs } = await merged(merges, merges.tasks[1])
    assert.deepEqual(
      outputs.map(({ key, records }) => [key, records]),
      [[`out/run=${runId}/odd=1/merged-00000001-1.parquet`, 20]],
    )
  })

  test('cannot take a file that is not the one that its partition reported', async () => {
    const merges = await givenMerges({ ...small, output: { format: 'csv' } })
    const key = merges.inputs[1]?.key ?? ''
    const bytes = await contentOf(merges.given.objects, buckets.output, key)
    bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) ^ 1
    await merges.given.objects.write({ bucket: buckets.output, key }, bytes)
    const { exitCode, record } = await merged(merges)
    assert.notEqual(exitCode, 0)
    assert.match(record?.failures?.at(-1)?.reason ?? '', /is no longer the file that its partition reported/)
    assert.deepEqual(
      (await merges.given.objects.list(buckets.output, '')).objects.filter(each =>
        each.key.includes('merged-'),
      ),
      [],
    )
  })

  test('cannot lose a record unnoticed', async () => {
    const merges = await givenMerges(small)
    const [task] = merges.tasks
    const key = stateKeys.merge(runId, 0)
    const inputs = task?.inputs.map((input, at) =>
      at === 0 ? { ...input, records: input.records + 1 } : input,
    )
    await merges.given.objects.write(
      { bucket: buckets.state, key },
      Buffer.from(JSON.stringify({ ...task, inputs })),
    )
    const { record } = await merged(merges)
    assert.match(record?.failures?.at(-1)?.reason ?? '', /files of 41 records made one of 40/)
  })

  test('cannot put records below the header of others', async () => {
    const merges = await givenMerges({ ...small, output: { format: 'csv' } })
    const [task] = merges.tasks
    const other = Buffer.from('n,u\n1,2\n')
    const inputs = task?.inputs.map((input, at) => (at === 1 ? { ...input, sha256: sha256Of(other) } : input))
    await merges.given.objects.write({ bucket: buckets.output, key: task?.inputs[1]?.key ?? '' }, other)
    await merges.given.objects.write(
      { bucket: buckets.state, key: stateKeys.merge(runId, 0) },
      Buffer.from(JSON.stringify({ ...task, inputs })),
    )
    const { record } = await merged(merges)
    assert.match(record?.failures?.at(-1)?.reason ?? '', /One file begins n,t\n, another n,u/)
  })
})

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
