/** Parquet that is left between row groups or files and gone on with, or cut anywhere: every row, once, in order. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { type Assignment, stateKeys } from '../../shared/documents.ts'
import type { Objects } from '../../shared/ports.ts'
import { PartitionState } from '../../shared/vocabulary.ts'
import { Leave } from '../../worker/notice/leave.ts'
import { buckets, type Given, partitionOf, rowsOf, runId, worked } from './given.ts'
import { goingOn, inChunks } from './left.ts'
import { listedRun } from './listed.ts'
import { plannedAndTaken } from './planned.ts'

const rows = 7000
const groupRows = 2048
let file: Buffer
const small: Record<string, Buffer> = {}

before(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-groups-'))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const written = async (select: string): Promise<Buffer> => {
    const to = join(dir, 'file.parquet')
    await connection.run(`COPY (${select}) TO '${to}' (FORMAT parquet, ROW_GROUP_SIZE ${groupRows})`)
    return readFile(to)
  }
  file = await written(`SELECT i, hash(i)::VARCHAR AS h FROM range(${rows}) r(i)`)
  for (let at = 0; at < 5; at++) {
    small[`in/${at}`] = await written(`SELECT i, 'x' AS h FROM range(${at * 100}, ${at * 100 + 100}) r(i)`)
  }
  connection.closeSync()
  instance.closeSync()
  await rm(dir, { recursive: true })
})

/** Wishes that the reader leaves off once so many bytes of the source have come. */
function leavingAfter(objects: Objects, leave: Leave, bytesWanted: number): Objects {
  let bytes = 0
  const counted = inChunks(objects, 512)
  return {
    ...objects,
    read: async (ref, options) => {
      const stream = await counted.read(ref, options)
      if (ref.bucket !== buckets.drops) return stream
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes >= bytesWanted) leave.ask('notice')
      })
      stream.pause()
      return stream
    },
  }
}

const parked: Given['clock']['sleep'] = (_, signal) =>
  new Promise(resolve => signal?.addEventListener('abort', () => resolve(), { once: true }))

/** The only partition, left after so many bytes, then its rest likewise, until all is worked. Answers the parts. */
async function workedInParts(plain: Given, bytesWanted: number) {
  const given = { ...plain, clock: { ...plain.clock, sleep: parked } }
  const [assignment] = given.assignments
  let next: Assignment | undefined = assignment
  const ranges: [number, number][] = []
  for (let round = 1; next && assignment; round++) {
    assert.ok(round < 20, 'it never ends')
    const page = Buffer.from(JSON.stringify({ round, page: 0, assignments: [next] }))
    await given.objects.write({ bucket: buckets.state, key: stateKeys.assignments(runId, round, 0) }, page)
    const leave = new Leave()
    const objects = leavingAfter(given.objects, leave, bytesWanted)
    const { exitCode } = await worked(given, { round, objects, leave })
    const { state, report }: Partial<NonNullable<Awaited<ReturnType<typeof partitionOf>>>> =
      (await partitionOf(given, next.partition)) ?? {}
    assert.deepEqual([exitCode, state], [0, PartitionState.SUCCEEDED])
    assert.ok(report?.range)
    assert.deepEqual(report.rest?.at ?? assignment.end, report.range.end)
    ranges.push([report.range.start, report.range.end])
    next = report.rest && goingOn(report.rest, assignment, round)
  }
  return ranges
}

const sorted = 'SELECT i FROM output ORDER BY i'
const expected = (count: number) => Array.from({ length: count }, (_, at) => [String(at)])

describe('Parquet', () => {
  for (const bytesWanted of [1, 130_000, 1e9]) {
    test(`is left between row groups, ${bytesWanted} bytes after the start, and gone on with`, async () => {
      const given = await plannedAndTaken({ content: file, source: { format: 'parquet' } })
      assert.equal(given.run.dataEnd, 4)
      const ranges = await workedInParts(given, bytesWanted)
      assert.equal(ranges.length, { 1: 4, 60000: 2, 1e9: 1 }[bytesWanted] ?? ranges.length)
      assert.deepEqual(await rowsOf(given, sorted), expected(rows))
    })
  }

  test('in a list is left between files, and gone on with', async () => {
    const given = await listedRun({ contents: small, source: { format: 'parquet' } })
    const ranges = await workedInParts(given, 1)
    assert.ok(ranges.length > 1)
    assert.deepEqual(await rowsOf(given, sorted), expected(500))
  })

  test('in a list belongs to the partition in which it begins, wherever the list is cut', async () => {
    const given = await listedRun({ contents: small, source: { format: 'parquet' } })
    const { start, end } = given.assignments[0] ?? assert.fail()
    const cuts = [0, 0.1, 0.25, 0.25, 0.9, 1].map(part => start + Math.floor((end - start) * part))
    const assignments = cuts.slice(1).map((to, at) => ({ partition: 1 + at, start: cuts[at] ?? 0, end: to }))
    const page = Buffer.from(JSON.stringify({ round: 2, page: 0, assignments }))
    await given.objects.write({ bucket: buckets.state, key: stateKeys.assignments(runId, 2, 0) }, page)
    let cursor = 0
    for (const index of assignments.keys()) {
      assert.equal((await worked(given, { round: 2, index })).exitCode, 0)
      const { report } = (await partitionOf(given, 1 + index)) ?? {}
      if (report?.range) assert.equal(report.range.start, cursor)
      cursor = report?.range?.end ?? cursor
    }
    assert.equal(cursor, end)
    assert.deepEqual(await rowsOf(given, sorted), expected(500))
  })

  test('of no row groups at all is read, and succeeds with nothing', async () => {
    const given = await plannedAndTaken({ content: file, source: { format: 'parquet' } })
    const page = { round: 2, page: 0, assignments: [{ partition: 1, start: 2, end: 2 }] }
    const key = stateKeys.assignments(runId, 2, 0)
    await given.objects.write({ bucket: buckets.state, key }, Buffer.from(JSON.stringify(page)))
    assert.equal((await worked(given, { round: 2 })).exitCode, 0)
    const { report } = (await partitionOf(given, 1)) ?? {}
    assert.deepEqual([report?.range, report?.recordsRead, report?.outputs], [undefined, 0, []])
  })
})
