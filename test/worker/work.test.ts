import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stateKeys } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Objects, Records } from '../../shared/ports.ts'
import { recordKeys } from '../../shared/records.ts'
import { PartitionState } from '../../shared/vocabulary.ts'
import {
  buckets,
  contentOf,
  type Given,
  givenRun,
  partitionOf,
  rejectsOf,
  rowsOf,
  runId,
  worked,
} from './given.ts'

const text = 'a,b\n1,2\n3,4\n5,6\n'
const outputs = async (given: Given): Promise<string[]> =>
  (await given.objects.list(buckets.output, '')).objects.map(({ key }) => key)

/** The same ports, but for one call. */
function withWrite(given: Given, write: Objects['write']): Objects {
  return { ...given.objects, write }
}

function withUpdate(given: Given, update: Records['update']): Records {
  return { ...given.records, update }
}

test('a worker claims, reads, writes Parquet and reports what it did, leaving no scratch behind', async () => {
  const given = await givenRun({ text })
  const { exitCode, partition, left, log } = await worked(given)
  assert.equal(exitCode, 0)
  assert.deepEqual(left, [])
  const { report, claims, ...rest } = partition ?? {}
  assert.deepEqual(
    { ...rest, at: claims?.[0]?.at },
    {
      ...recordKeys.partition(runId, 0),
      runId,
      partition: 0,
      state: PartitionState.SUCCEEDED,
      fence: 1,
      round: 1,
      jobId: 'job-1',
      at: claims?.[0]?.at,
    },
  )
  assert.deepEqual(
    claims?.map(({ round, fence, jobId, jobAttempt }) => ({ round, fence, jobId, jobAttempt })),
    [{ round: 1, fence: 1, jobId: 'job-1', jobAttempt: 1 }],
  )
  const [output] = report?.outputs ?? []
  assert.equal(output?.key, `out/run=${runId}/part-00000000-1.parquet`)
  assert.equal((await contentOf(given.objects, buckets.output, output?.key ?? '')).length, output?.bytes)
  assert.deepEqual(
    { ...report, outputs: undefined },
    {
      range: { start: 4, end: 16 },
      recordsRead: 3,
      recordsRejected: 0,
      recordsWritten: 3,
      lines: 3,
      outputs: undefined,
      durationMs: report?.durationMs,
    },
  )
  assert.ok((report?.durationMs ?? 0) >= 1000, 'it says how long it took')
  assert.deepEqual(await rowsOf(given), [
    ['1', '2'],
    ['3', '4'],
    ['5', '6'],
  ])
  assert.deepEqual(
    log.map(({ message }) => message),
    ['start', 'claimed', 'read', 'worked', 'wrote', 'finished'],
  )
  assert.ok(log.slice(1).every(line => line.runId === runId && line.fence === 1 && line.partition === 0))
})

test('output can be partitioned by columns, each file counted and checksummed by itself', async () => {
  const given = await givenRun({ text: 'd,v\nx y,1\nx y,2\nz,3\n', partitionBy: ['d'] })
  const { partition } = await worked(given)
  const found = partition?.report?.outputs.map(({ key, records }) => [key, records])
  assert.deepEqual(found, [
    [`out/run=${runId}/d=x%20y/part-00000000-1.parquet`, 2],
    [`out/run=${runId}/d=z/part-00000000-1.parquet`, 1],
  ])
})

test('a SELECT that keeps nothing writes no object and still succeeds', async () => {
  const given = await givenRun({ text, sql: "SELECT * FROM input WHERE a = 'none'; " })
  const { exitCode, partition } = await worked(given)
  assert.deepEqual([exitCode, partition?.report?.recordsWritten, partition?.report?.outputs], [0, 0, []])
})

test('a partition in which no record begins has no range and no records', async () => {
  const given = await givenRun({ text: `a,b\n1,${'x'.repeat(50)}\n2,y\n`, partitionBytes: 10 })
  const { exitCode, partition } = await worked(given, { index: 2 })
  assert.equal(exitCode, 0)
  assert.deepEqual(partition?.report, {
    recordsRead: 0,
    recordsRejected: 0,
    recordsWritten: 0,
    lines: 0,
    outputs: [],
    durationMs: partition?.report?.durationMs,
  })
})

test('a partition that has succeeded is not worked again, by whatever job', async () => {
  const given = await givenRun({ text })
  await worked(given)
  const before = await partitionOf(given, 0)
  const { exitCode, log } = await worked(given, { round: 2, jobId: 'job-2' })
  assert.equal(exitCode, 0)
  assert.equal(log.at(-1)?.refused, 'done')
  assert.deepEqual(await partitionOf(given, 0), before)
})

test('a failed partition can be claimed by a later round, and not by an earlier one', async () => {
  const given = await givenRun({ text, sql: 'SELECT nothing FROM input' })
  assert.equal((await worked(given, { round: 2 })).exitCode, 1)
  const late = await worked(given, { round: 1 })
  assert.deepEqual([late.exitCode, late.log.at(-1)?.refused, late.partition?.fence], [0, 'overtaken', 1])
  const again = await worked(given, { round: 2 })
  assert.equal(again.partition?.fence, 2)
  assert.deepEqual(
    again.partition?.claims?.map(({ fence }) => fence),
    [1, 2],
  )
})

test('an attempt overtaken while it worked writes no report and removes what it wrote', async () => {
  const given = await givenRun({ text })
  const objects = withWrite(given, async (ref, body, options) => {
    const info = await given.objects.write(ref, body, options)
    await given.records.update(recordKeys.partition(runId, 0), { add: { fence: 1 } })
    return info
  })
  const { exitCode, partition, log } = await worked(given, { objects })
  assert.deepEqual([exitCode, partition?.state, partition?.report], [0, PartitionState.RUNNING, undefined])
  assert.equal(log.at(-1)?.finished, 'fenced off')
  assert.deepEqual(await outputs(given), [])
})

test('a report whose answer was lost and that is written again counts as written, and its outputs stay', async () => {
  const given = await givenRun({ text })
  const records = withUpdate(given, async (key, change, guard) => {
    const first = await given.records.update(key, change, guard)
    return change.set?.report === undefined ? first : given.records.update(key, change, guard)
  })
  const { exitCode, log } = await worked(given, { records })
  assert.deepEqual([exitCode, log.at(-1)?.finished], [0, 'written'])
  assert.equal((await outputs(given)).length, 1)
})

test('where nobody knows whether the report was written, its outputs stay and the exit asks for another try', async () => {
  const given = await givenRun({ text })
  const records = withUpdate(given, async (key, change, guard) => {
    const outcome = await given.records.update(key, change, guard)
    if (change.set?.report !== undefined) throw new MillraceError('TEMPORARY_FAILURE', 'no answer')
    return outcome
  })
  assert.equal((await worked(given, { records })).exitCode, 75)
  assert.equal((await outputs(given)).length, 1)
})

test('where the failure cannot be written, the log says so and the exit asks for another try', async () => {
  const given = await givenRun({ text, sql: 'SELECT nothing FROM input' })
  const records = withUpdate(given, async (key, change, guard) => {
    if (change.set?.state === PartitionState.FAILED) throw new MillraceError('TEMPORARY_FAILURE', 'no answer')
    return given.records.update(key, change, guard)
  })
  const { exitCode, partition, log, left } = await worked(given, { records })
  assert.deepEqual([exitCode, partition?.state, left], [75, PartitionState.RUNNING, []])
  const [failed, unwritten] = log.slice(-2)
  assert.deepEqual([failed?.message, failed?.code], ['failed', 'APPLICATION'])
  assert.deepEqual([unwritten?.level, unwritten?.message], ['ERROR', 'the last word could not be written'])
  assert.match(String(unwritten?.error), /no answer/)
})

test('a failure of an attempt that was overtaken is no failure of its partition', async () => {
  const given = await givenRun({ text, sql: 'SELECT nothing FROM input' })
  const records = withUpdate(given, async (key, change, guard) => {
    if (change.set?.state === PartitionState.FAILED) await given.records.update(key, { add: { fence: 1 } })
    return given.records.update(key, change, guard)
  })
  const { exitCode, partition } = await worked(given, { records })
  assert.deepEqual([exitCode, partition?.state, partition?.failures], [0, PartitionState.RUNNING, undefined])
})

test('more rejects than tolerated fail the partition as bad input, with every reject kept', async () => {
  const given = await givenRun({ text: 'a,b\n1,2\n3\n4,5,6\n', rejectedRecords: 1 })
  const { exitCode, partition } = await worked(given)
  const [failure] = partition?.failures ?? []
  assert.deepEqual(
    [exitCode, partition?.state, failure?.code, failure?.exitCode],
    [65, PartitionState.FAILED, 'BAD_INPUT', 65],
  )
  assert.match(
    failure?.reason ?? '',
    /^2 records rejected, 1 tolerated. The first, at byte 8: The record has 1 fields/,
  )
  const rejects = await rejectsOf(given, stateKeys.rejects(runId, 0, 1))
  assert.deepEqual(
    rejects.map(({ byteOffset, raw }) => [byteOffset, raw]),
    [
      [8, '3'],
      [10, '4,5,6'],
    ],
  )
  assert.deepEqual(await outputs(given), [])
})

test('rejects of types behind thousands of records are found at their true place', async () => {
  const rows = Array.from({ length: 20_000 }, (_, at) =>
    at % 4999 === 4998 ? `x${at},1` : at % 7 === 0 ? `${at}` : `"${at}",1\r`,
  )
  const given = await givenRun({
    text: `a,b\n${rows.join('\n')}\n`,
    columns: [
      { name: 'a', type: 'INTEGER' },
      { name: 'b', type: 'INTEGER' },
    ],
    rejectedRecords: 10_000,
  })
  const { partition } = await worked(given)
  const rejects = await rejectsOf(given, partition?.report?.rejectsKey)
  const misfits = rejects.filter(({ column }) => column === 'a')
  assert.deepEqual(
    misfits.map(({ raw }) => raw),
    ['x4998,1', 'x9997,1', 'x14996,1', 'x19995,1'],
  )
  for (const { byteOffset, raw } of rejects)
    assert.equal(given.content.toString('utf8', byteOffset, byteOffset + raw.length), raw)
})

test('behind a wrong guess of its start, sound records are worked, not called bad', async () => {
  // The quoted field looks like sound records itself, and its closing quote like one that never closes.
  const given = await givenRun({ text: `a,b\n1,"${'2,3\n'.repeat(50)}"\n4,5\n`, partitionBytes: 105 })
  const { exitCode, partition, log } = await worked(given, { index: 1 })
  assert.equal(exitCode, 0, JSON.stringify(log))
  assert.ok(log.some(({ message }) => message === 'start proven'))
  assert.deepEqual([partition?.report?.range, partition?.report?.recordsRead], [{ start: 209, end: 213 }, 1])
})

const wrongs: [string, string, number, RegExp][] = [
  ['SQL that does not parse', 'SELEC 1', 1, /does not run.*syntax/is],
  ['SQL that names no column of the input', 'SELECT c FROM input', 1, /c.* not found/is],
  ['SQL that is no SELECT', 'CREATE TABLE x AS SELECT 1', 1, /no SELECT/],
  ['several statements', 'SELECT 1; SELECT 2', 1, /2 statements/],
  [
    'SQL that reads a file of the machine',
    "SELECT * FROM read_text('/etc/passwd')",
    1,
    /disabled|denied|permission/i,
  ],
  [
    'SQL that writes over settings',
    "SELECT * FROM input) TO '/tmp/x.csv'; SET threads = 2; COPY (SELECT 1",
    1,
    /does not run/,
  ],
]
for (const [what, sql, exit, reason] of wrongs) {
  test(`${what} fails the partition as its application, with DuckDB's words`, async () => {
    const given = await givenRun({ text, sql })
    const { exitCode, partition, left } = await worked(given)
    assert.deepEqual([exitCode, partition?.failures?.[0]?.code, left], [exit, 'APPLICATION', []])
    assert.match(partition?.failures?.[0]?.reason ?? '', reason)
  })
}

test('a throttled read fails as temporary, a source that changed as changed; neither publishes', async () => {
  for (const [code, failure, exit] of [
    ['THROTTLED', 'TEMPORARY', 75],
    ['SOURCE_CHANGED', 'SOURCE_CHANGED', 1],
  ] as const) {
    const given = await givenRun({ text })
    const read: Objects['read'] = async (ref, options) => {
      if (ref.bucket === buckets.drops) throw new MillraceError(code, 'said the store')
      return given.objects.read(ref, options)
    }
    const { exitCode, partition } = await worked(given, { objects: { ...given.objects, read } })
    assert.deepEqual([exitCode, partition?.failures?.[0]?.code], [exit, failure])
  }
})

test('a source overwritten after planning is found out', async () => {
  const given = await givenRun({ text })
  await given.objects.write(given.ref, Buffer.from('a,b\n9,9\n9,9\n9,9\n'))
  const { exitCode, partition } = await worked(given)
  assert.deepEqual([exitCode, partition?.failures?.[0]?.code], [1, 'SOURCE_CHANGED'])
})

test('a worker asked to stop exits 143, says nothing in the record and leaves no output', async () => {
  const given = await givenRun({ text })
  const stop = new AbortController()
  const objects = withWrite(given, async (ref, body, options) => {
    stop.abort()
    return given.objects.write(ref, body, options)
  })
  const { exitCode, partition, left } = await worked(given, { objects, signal: stop.signal })
  assert.deepEqual(
    [exitCode, partition?.state, partition?.failures, left],
    [143, PartitionState.RUNNING, undefined, []],
  )
  assert.deepEqual(await outputs(given), [])
})

test('a query that would run for ever is interrupted by the request to stop', async () => {
  const given = await givenRun({
    text,
    sql: 'SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b',
  })
  const stop = new AbortController()
  const read: Objects['read'] = async (ref, options) => {
    if (ref.bucket === buckets.drops) setTimeout(() => stop.abort(), 300)
    return given.objects.read(ref, options)
  }
  const { exitCode } = await worked(given, { objects: { ...given.objects, read }, signal: stop.signal })
  assert.equal(exitCode, 143)
})

test('memory that DuckDB does not have is told apart from an error of the SQL', async () => {
  const sql = "SELECT list(repeat('x', 1000000) || i::VARCHAR) AS l FROM range(4000) r(i)"
  const { exitCode, partition } = await worked(await givenRun({ text, sql }), { memoryMiB: 512 })
  assert.deepEqual([exitCode, partition?.failures?.[0]?.code], [1, 'OUT_OF_MEMORY'])
})

test('an environment without a run is refused, naming every variable that is missing', async () => {
  const given = await givenRun({ text })
  const { work } = await import('../../worker/work.ts')
  const lines: string[] = []
  assert.equal(await work(given, {}, { config: { buckets }, write: line => lines.push(line) }), 1)
  assert.match(lines.join(''), /MILLRACE_RUN_ID, MILLRACE_ROUND, MILLRACE_CHUNK, AWS_BATCH_JOB_ID/)
})

test('a partition ten times larger than the read window is read without the window growing', async () => {
  const line = `${'x'.repeat(60)},"${'y'.repeat(30)}\n"\n`
  const given = await givenRun({ text: `a,b\n${line.repeat(60_000)}` })
  const { log, exitCode } = await worked(given)
  assert.equal(exitCode, 0)
  const peak = Number(log.find(({ message }) => message === 'read')?.windowPeakBytes)
  assert.ok(given.content.length > 10 * peak, `${given.content.length} bytes read through ${peak}`)
})
