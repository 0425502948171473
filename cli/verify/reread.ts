/** The source read once more by the worker's own reader: are the records of each range as many as is certified? */
import type { Certificate, CertifiedPartition } from '../../shared/certificate.ts'
import { type Assignment, type Position, type RunDocument, stageBase } from '../../shared/documents.ts'
import { type ErrorCode, MillraceError } from '../../shared/errors.ts'
import type { PartitionPlan } from '../../shared/partition-plan.ts'
import { isCommand } from '../../shared/pipeline/work.ts'
import type { Report } from '../../shared/records.ts'
import { plannedTask } from '../../shared/stages.ts'
import { Stage } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import type { Attempt } from '../../worker/attempt.ts'
import { openSession } from '../../worker/duckdb/session.ts'
import { createLog } from '../../worker/log.ts'
import { perform } from '../../worker/perform.ts'
import { openScratch } from '../../worker/scratch.ts'
import type { OnFault } from './fault.ts'
import { readOnly } from './objects.ts'

interface Context {
  world: World
  certificate: Certificate
  /** As planned at first, and as its partitions see it: other documents where the run has a split stage. */
  planned: RunDocument
  document: RunDocument
  plan: PartitionPlan
  dir: string
  onFault: OnFault
  tell: (words: string) => void
}

/** What tells of the source, not of this machine or of the way to it. */
const sourceCodes: readonly ErrorCode[] = ['OBJECT_MISSING', 'SOURCE_CHANGED', 'BAD_INPUT', 'COUNT_MISMATCH']

/** Answers how many ranges and records were read again. Errors: those of reading that say nothing of the source. */
export async function verifySource(context: Context): Promise<{ ranges: number; records: number }> {
  const { world, certificate, document, plan, onFault, tell } = context
  if (!(await sourceIsThere(context))) return { ranges: 0, records: 0 }
  const objects = readOnly(world.objects, document.runId, context.dir, world.clock)
  let [ranges, records] = [0, 0]
  try {
    if (document.layout.space === 'pieces') await splitAgain(context, objects)
    for (const certified of certificate.partitions) {
      if (certified.range === null) continue
      tell(`range ${certified.partition + 1} of ${certificate.partitions.length}`)
      const first = plan.planned(certified.partition)
      const found = await reread(context, objects, certified, first)
      ranges++
      records += found.recordsRead
    }
  } catch (error) {
    if (!(error instanceof MillraceError) || !sourceCodes.includes(error.code)) throw error
    const code = error.code === 'OBJECT_MISSING' ? 'SOURCE_MISSING' : 'SOURCE_CHANGED'
    onFault(code, certificate.source.key, error.message)
  } finally {
    objects.close()
  }
  return { ranges, records }
}

/** A list of objects is looked at one by one, as it is read. */
async function sourceIsThere({ world, certificate, onFault }: Context): Promise<boolean> {
  const { source, layout } = certificate
  if (layout.space === 'objects') return true
  const info = await world.objects.head(source, source.version)
  if (info?.etag === source.etag && info.bytes === source.bytes) return true
  const newest = info ?? (await world.objects.head(source))
  if (newest === undefined) {
    onFault('SOURCE_MISSING', source.key, 'nothing can be read again; --quick looks at the outputs alone')
    return false
  }
  const now = `${newest.bytes} bytes of etag ${newest.etag}`
  onFault('SOURCE_CHANGED', source.key, `it has ${now}; ${source.bytes} of ${source.etag} were read`)
  return false
}

/** The pieces are gone with the run's success: they are laid down once more, on this machine's disk. */
async function splitAgain(context: Context, objects: Attempt['objects']): Promise<void> {
  context.tell('laying the stream down in pieces')
  const assignment = plannedTask(context.planned, stageBase.split)
  const { split } = await performed(context, objects, context.planned, assignment, Stage.split)
  const { dataEnd } = context.certificate
  if (split?.bytes === dataEnd) return
  context.onFault('RANGE_DIFFERS', 'the stream', `it has ${split?.bytes} bytes, certified are ${dataEnd}`)
}

async function reread(
  context: Context,
  objects: Attempt['objects'],
  certified: CertifiedPartition,
  first: Assignment,
): Promise<Report> {
  const { partition, range, within, recordsRead, recordsRejected, rejectedByWork = 0 } = certified
  const { until, end } = endOf(certified, first)
  const assignment = { ...first, ...startOf(context.document, certified), end }
  const report = await performed(context, objects, context.document, assignment, Stage.work, until)
  const where = `partition ${partition}`
  const found = report.range && {
    range: [report.range.start, report.range.end],
    within: [report.range.startWithin ?? 0, report.range.endWithin ?? 0],
  }
  const certain = { range, within: within ?? [0, 0] }
  if (JSON.stringify(found) !== JSON.stringify(certain)) {
    context.onFault(
      'RANGE_DIFFERS',
      where,
      `it reads ${JSON.stringify(found)}, certified is ${JSON.stringify(certain)}`,
    )
  }
  const rejectedByReader = recordsRejected - rejectedByWork
  if (report.recordsRead !== recordsRead || report.recordsRejected !== rejectedByReader) {
    const now = `${report.recordsRead} records, ${report.recordsRejected} of them rejected`
    const then = `${recordsRead} and ${rejectedByReader}`
    context.onFault('RANGE_DIFFERS', where, `it has ${now}; certified are ${then}`)
  }
  return report
}

/** Nothing is guessed: where the range before it ends, a record starts. */
function startOf(
  { dataStart }: RunDocument,
  { range, within }: CertifiedPartition,
): Pick<Assignment, 'exactStart' | 'exactWithin'> {
  if (range === null || (range[0] === dataStart && !within?.[0])) return {}
  return { exactStart: range[0], ...(within?.[0] ? { exactWithin: within[0] } : {}) }
}

/** An attempt may have left off in the middle of a block. */
function endOf(
  { range, within }: CertifiedPartition,
  { end }: Assignment,
): { end: number; until?: Position } {
  if (range === null || !within?.[1]) return { end }
  return { end: Math.max(end, range[1] + 1), until: { at: range[1], within: within[1] } }
}

/** The work itself, but for the user's SQL and whatever it would write. */
async function performed(
  { world, dir }: Context,
  objects: Attempt['objects'],
  run: RunDocument,
  assignment: Assignment,
  stage: Stage,
  until?: Position,
): Promise<Report> {
  const scratch = await openScratch(dir)
  const { memoryMiB } = run.pipeline.job
  try {
    return await perform({
      objects,
      buckets: world.config.buckets,
      run: { ...run, pipeline: readingOnly(run.pipeline) },
      assignment,
      stage,
      fence: 0,
      scratch,
      log: createLog(world.clock, () => {}),
      elapsedMs: () => world.clock.now(),
      openSession: options => openSession({ memoryMiB, vcpus: 1, ...options }),
      outputs: [],
      until,
    })
  } finally {
    await scratch.remove()
  }
}

function readingOnly(pipeline: RunDocument['pipeline']): RunDocument['pipeline'] {
  const output = { ...pipeline.output, partitionBy: [] }
  const { work } = pipeline
  // Raw records are held against no types.
  const reading = isCommand(work) && work.input === 'raw'
  return {
    ...pipeline,
    work: reading ? { ...work, command: [] } : { sql: 'SELECT * FROM input WHERE false' },
    output,
  }
}
