/** Our own worker, as far as each contestant goes: one thread, the partitions one after the other. */
import { basename, dirname, join } from 'node:path'
import { systemClock } from '../../shared/clock.ts'
import type { Assignment, RunDocument } from '../../shared/documents.ts'
import { silentLog } from '../../shared/log.ts'
import { columnsOf } from '../../shared/parquet/columns.ts'
import { readParquetFooter } from '../../shared/parquet/read.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { leavesOf, takenOf } from '../../shared/plan/parquet.ts'
import { isRefusal, type Refusal } from '../../shared/plan/refusal.ts'
import { planPieces } from '../../shared/plan/split.ts'
import { cut, headBytesMax, planRun } from '../../shared/plan.ts'
import type { Objects } from '../../shared/ports.ts'
import { Stage } from '../../shared/vocabulary.ts'
import type { Attempt } from '../../worker/attempt.ts'
import { Table } from '../../worker/duckdb/load.ts'
import { openSession } from '../../worker/duckdb/session.ts'
import { fetchGroups } from '../../worker/parquet/fetch.ts'
import { ParquetTable } from '../../worker/parquet/table.ts'
import { perform } from '../../worker/perform.ts'
import { collected } from '../../worker/read/bytes.ts'
import { formatOf } from '../../worker/read/format.ts'
import { readPartition } from '../../worker/read/partition.ts'
import { Rejects } from '../../worker/read/rejects.ts'
import { Spool } from '../../worker/read/spool.ts'
import { stretchesOf } from '../../worker/read/stretch.ts'
import { readUnits } from '../../worker/read/units.ts'
import { isNoRecord, requestOf } from '../../worker/read/walk.ts'
import { openScratch, type Scratch } from '../../worker/scratch.ts'
import { split } from '../../worker/split/split.ts'
import { type Contestant, counting, type Given } from './contestant.ts'
import { etag, fileObjects } from './files.ts'

const job = { memoryMiB: 4096, vcpus: 1 }
const buckets = { state: 'state', output: 'output' }

interface Planned {
  objects: Objects
  run: RunDocument
  /** Parent of the scratch folders. */
  parent: string
}

async function plan({ format, file, scratch }: Given): Promise<Planned> {
  const objects = fileObjects(scratch)
  const ref = { bucket: dirname(file), key: basename(file) }
  const { bytes } = (await objects.head(ref)) ?? { bytes: 0 }
  const read = async (start: number, end: number) =>
    collected(await objects.read(ref, { range: { start, end: Math.min(end, bytes) } }))
  const pipeline = parsePipeline(
    {
      name: 'bench',
      source: { prefix: 'in/', ...format.source },
      work: { sql: 'FROM input' },
      output: { prefix: 'out/' },
    },
    'bench',
  )
  const look = {
    source: { ...ref, bytes, etag },
    head: await read(0, headBytesMax),
    read: ({ start, end }: { start: number; end: number }) => read(start, end),
  }
  const run = taken(await planRun('bench', pipeline, look, Math.ceil(bytes / (format.partitions ?? 1))))
  const whole = { dataStart: 0, dataEnd: bytes, partitionBytes: bytes, partitions: 1 }
  const serial = format.serial ? { ...whole, layout: { ...run.layout, space: 'whole' as const } } : {}
  return { objects, run: { ...run, ...serial }, parent: scratch }
}

function taken<Plan extends object>(planned: Plan | Refusal): Plan {
  if (isRefusal(planned)) throw new Error(`${planned.code}: ${planned.words}`)
  return planned
}

/** Sums over the partitions what `work` finds in each. */
async function inEach(
  planned: Planned,
  work: (planned: Planned, assignment: Assignment, scratch: Scratch) => Promise<number>,
): Promise<number> {
  let records = 0
  for (let partition = 0; partition < planned.run.partitions; partition++) {
    const scratch = await openScratch(planned.parent)
    records += await work(planned, cut(planned.run, partition), scratch)
    await scratch.remove()
  }
  return records
}

/** Where records begin and end, and which of them are sound: what it costs to cut at any byte. */
async function found({ objects, run }: Planned, assignment: Assignment): Promise<number> {
  const source = { objects, run, assignment, format: formatOf(run) }
  let records = 0
  for await (const stretch of stretchesOf(source)) {
    const format = stretch.format ?? source.format
    await readUnits(requestOf(source, stretch), unit => {
      if (!isNoRecord(unit, format) && format.fault(unit) === undefined) records++
      return true
    })
  }
  return records
}

/** Up to the view `input`: what comes before a pipeline's own SELECT. */
async function parsed(planned: Planned, assignment: Assignment, scratch: Scratch): Promise<number> {
  if (planned.run.layout.format === 'parquet') return parsedParquet(planned, assignment, scratch)
  const { objects, run } = planned
  const format = formatOf(run)
  const spool = new Spool(scratch.spool, format.dialect)
  const rejects = new Rejects(scratch.rejects, assignment.partition, run)
  await readPartition({ objects, run, assignment, format }, spool, rejects)
  const session = await openSession({ ...job, scratch })
  const misfits = await new Table(session, spool, format, run).load()
  session.close()
  spool.close()
  if (misfits + rejects.count > 0) throw new Error(`${misfits} misfits, ${rejects.count} rejects`)
  return spool.records
}

async function parsedParquet(
  { objects, run }: Planned,
  assignment: Assignment,
  scratch: Scratch,
): Promise<number> {
  const { source } = run
  const file = taken(
    await readParquetFooter(source.bytes, async range => collected(await objects.read(source, { range }))),
  )
  const columns = columnsOf(file.footer.schema) ?? []
  const local = join(scratch.dir, 'input.parquet')
  const leaves = leavesOf(takenOf(columns, run.columns))
  await fetchGroups({ objects, source, range: assignment }, file, leaves, local)
  const groups = file.footer.groups.slice(assignment.start, assignment.end)
  const records = groups.reduce((sum, group) => sum + group.records, 0)
  const session = await openSession({ ...job, scratch })
  const misfits = await new ParquetTable(session, local).load(run, columns, records)
  session.close()
  return records - misfits
}

/** All of it but claim and finish: Parquet out, with its checksum, into a bucket of files. */
async function worked({ objects, run }: Planned, assignment: Assignment, scratch: Scratch): Promise<number> {
  const attempt: Attempt = {
    objects,
    buckets,
    run,
    assignment,
    scratch,
    stage: Stage.work,
    fence: 1,
    outputs: [],
    log: { ...silentLog, with: () => attempt.log },
    elapsedMs: () => systemClock.now(),
    openSession: given => openSession({ ...job, ...given }),
  }
  return (await perform(attempt)).recordsWritten
}

/** The split stage alone; its pieces are counted afterwards. */
export const splitting: Contestant = async given => {
  const planned = await plan(given)
  const { objects, run } = planned
  const whole = {
    ...run,
    layout: { ...run.layout, space: 'pieces' as const },
    partitionBytes: 0,
    partitions: 0,
  }
  const log = { ...silentLog, with: () => log }
  let laid: Awaited<ReturnType<typeof split>>['split']
  return {
    run: async () => {
      laid = (await split({ objects, buckets, run: whole, log, elapsedMs: () => 0 })).split
    },
    records: async () => {
      if (laid === undefined) throw new Error('nothing was laid down')
      return inEach({ ...planned, run: taken(planPieces(whole, laid, buckets.state)) }, found)
    },
  }
}

const partitioned =
  (work: Parameters<typeof inEach>[1]): Contestant =>
  async given => {
    const planned = await plan(given)
    return counting(() => inEach(planned, work))
  }

export const finding = partitioned(found)
export const parsing = partitioned(parsed)
export const working = partitioned(worked)
