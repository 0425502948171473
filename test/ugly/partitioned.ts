/** Reads an input as its workers do, partition by partition, and repairs miscuts as settle does. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { parse } from 'csv-parse/sync'
import type { Assignment, RunDocument } from '../../shared/documents.ts'
import { createMemoryObjects } from '../../shared/memory/objects.ts'
import { isRefusal, type Refusal } from '../../shared/plan/refusal.ts'
import { planPieces, splitsFirst } from '../../shared/plan/split.ts'
import { cut, headBytesMax, planRun } from '../../shared/plan.ts'
import type { Objects } from '../../shared/ports.ts'
import type { PartitionRecord, SourceRange } from '../../shared/records.ts'
import { miscuts } from '../../shared/tiling.ts'
import { PartitionState } from '../../shared/vocabulary.ts'
import { createLog } from '../../worker/log.ts'
import { formatOf } from '../../worker/read/format.ts'
import { isGuessed, provenStart, readPartition } from '../../worker/read/partition.ts'
import { Rejects } from '../../worker/read/rejects.ts'
import { Spool } from '../../worker/read/spool.ts'
import { split } from '../../worker/split/split.ts'
import type { UglyInput } from './inputs.ts'

/** A field that is empty and not quoted is `null`. */
export type Row = (string | null)[]

export interface Partitioned {
  partitions: number
  rows: Row[]
  rejected: number
  /** How many partitions were worked again because a neighbour disproved their start. */
  recut: number
}

const roundsMax = 30
const distrustFromRound = 3

/** Plans it as a drop would be; of the object only what planning asks for is read. */
export function planned({ content, pipeline, name }: UglyInput, partitionBytes: number) {
  const source = { bucket: 'drops', key: `in/${name}`, bytes: content.length, etag: 'e' }
  const read = async ({ start, end }: { start: number; end: number }) => content.subarray(start, end)
  const look = { source, head: content.subarray(0, headBytesMax), read }
  return planRun('0'.repeat(24), pipeline, look, partitionBytes)
}

/** Only `read`, in pieces of `chunkBytes`. */
export function objectsOf(content: Buffer, chunkBytes: number): Objects {
  const read: Objects['read'] = async (_ref, { range } = {}) => {
    const { start, end } = range ?? { start: 0, end: content.length }
    const pieces: Buffer[] = []
    for (let at = start; at < end; at += chunkBytes) {
      pieces.push(content.subarray(at, Math.min(end, at + chunkBytes)))
    }
    return Readable.from(pieces)
  }
  return { read } as Objects
}

export async function readPartitioned(
  input: UglyInput,
  partitionBytes: number,
  chunkBytes: number,
): Promise<Partitioned | Refusal> {
  const run = await planned(input, partitionBytes)
  if (isRefusal(run)) return run
  const dir = mkdtempSync(join(tmpdir(), 'millrace-ugly-'))
  try {
    const source = objectsOf(input.content, chunkBytes)
    if (!splitsFirst(run)) return await workRounds(dir, run, source)
    const cutUp = await splitUp(run, source)
    return isRefusal(cutUp.run) ? cutUp.run : await workRounds(dir, cutUp.run, cutUp.objects)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** As the split stage does, with the pieces in memory. */
async function splitUp(run: RunDocument, source: Objects) {
  const state = createMemoryObjects({ versioned: false })
  const read: Objects['read'] = (ref, options) =>
    ref.bucket === buckets.state ? state.read(ref, options) : source.read(ref, options)
  const objects = { ...state, read }
  const report = await split({ objects, buckets, run, log: silent, elapsedMs: () => 0, signal: undefined })
  if (report.split === undefined) throw new Error('nothing was split')
  return { run: planPieces(run, report.split, buckets.state), objects }
}

const buckets = { state: 'state', output: 'output' }
const silent = createLog({ now: () => 0, sleep: async () => {}, random: () => 0 }, () => undefined)

interface Worked {
  range?: SourceRange
  rows: Row[]
  rejected: number
}

async function workRounds(dir: string, run: RunDocument, objects: Objects): Promise<Partitioned> {
  const done = new Map<number, Worked>()
  let due = Array.from({ length: run.partitions }, (_, partition) => cut(run, partition))
  let recut = 0
  for (let round = 1; due.length > 0; round++) {
    if (round > roundsMax) throw new Error(`not tiled after ${roundsMax} rounds`)
    for (const assignment of due) done.set(assignment.partition, await workOne(dir, run, objects, assignment))
    due = miscuts(run, reportsOf(run, done), round >= distrustFromRound).map(({ assignment }) => assignment)
    recut += due.length
  }
  const inOrder = Array.from({ length: run.partitions }, (_, partition) => done.get(partition))
  return {
    partitions: run.partitions,
    rows: inOrder.flatMap(worked => worked?.rows ?? []),
    rejected: inOrder.reduce((sum, worked) => sum + (worked?.rejected ?? 0), 0),
    recut,
  }
}

function reportsOf(run: RunDocument, done: ReadonlyMap<number, Worked>): PartitionRecord[] {
  return Array.from({ length: run.partitions }, (_, partition) => {
    const range = done.get(partition)?.range
    const counts = { recordsRead: 0, recordsRejected: 0, recordsWritten: 0, outputs: [] }
    const report = { ...(range ? { range } : {}), ...counts }
    return { runId: run.runId, partition, state: PartitionState.SUCCEEDED, fence: 1, round: 1, report }
  })
}

/** As an attempt does: what looks broken behind a guess is read again from a proven start. */
async function workOne(
  dir: string,
  run: RunDocument,
  objects: Objects,
  assignment: Assignment,
): Promise<Worked> {
  const source = { objects, run, assignment, format: formatOf(run) }
  const worked = await readOnce(dir, source)
  if (worked !== undefined) return worked
  const proven = { ...assignment, ...(await provenStart(source)) }
  const again = await readOnce(dir, { ...source, assignment: proven })
  if (again === undefined) throw new Error('unreachable: what is proven is not guessed')
  return again
}

/** `undefined`: it looks bad, but only from a guessed start. */
async function readOnce(
  dir: string,
  source: Parameters<typeof readPartition>[0],
): Promise<Worked | undefined> {
  const { format } = source
  const spool = new Spool(join(dir, 'spool'), format.dialect)
  const rejects = new Rejects(join(dir, 'rejects'), 0, source.run)
  try {
    const { range } = await readPartition(source, spool, rejects)
    const rows = rowsOf(readFileSync(spool.file), format.dialect)
    return { ...(range ? { range } : {}), rows, rejected: rejects.count }
  } catch (error) {
    if ((error as { code?: string }).code === 'BAD_INPUT' && isGuessed(source)) return undefined
    throw error
  } finally {
    spool.close()
    rmSync(join(dir, 'spool'), { force: true })
    rmSync(join(dir, 'rejects'), { force: true })
  }
}

/** The spool, read by csv-parse: what DuckDB is given. */
export function rowsOf(spool: Buffer, { delimiter, quote }: { delimiter: string; quote: string }): Row[] {
  return parse(spool, {
    delimiter,
    quote,
    escape: quote,
    record_delimiter: '\n',
    relax_column_count: true,
    cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
  }) as Row[]
}
