/**
 * What a worker of the simulator does instead of DuckDB and the file system: the source's own lines as output. All
 * else is the real worker's. It meets the fate that the story has for its partition.
 */
import { type Assignment, outputKeys, stageBase } from '../shared/documents.ts'
import { exitCodes } from '../shared/failure.ts'
import type { Report } from '../shared/records.ts'
import { Stage } from '../shared/vocabulary.ts'
import type { Attempt } from '../worker/attempt.ts'
import type { Scratch } from '../worker/scratch.ts'
import type { Hands } from '../worker/work.ts'
import type { Attempted, Fate } from './fates.ts'
import { leftOff } from './leaving.ts'
import { never, type ProcessEnd } from './life.ts'
import { readLines } from './stand-in-lines.ts'
import { readObjects } from './stand-in-objects.ts'
import { merging, publishable, splitting } from './stand-in-stages.ts'
import { sifted } from './work.ts'

export interface StandInOptions {
  fetch: Hands['fetchAssignment']
  fateOf: (attempted: Omit<Attempted, 'nth'>) => Fate | undefined
  die: (end: ProcessEnd) => void
  /** Batch believes the machine lost; resolves when the story lets the zombie go on. */
  becomeZombie: (again: boolean) => Promise<void>
  /** Resolves when the story lets the slow go on. */
  linger: () => Promise<void>
  /** Bytes of the source that an attempt has worked. */
  worked: (partition: number, bytes: number) => void
}

/** For one process. */
export function standInHands(options: StandInOptions): Partial<Hands> {
  let fate: Fate | undefined
  return {
    // Nothing of it is used: what is read is held in memory.
    openScratch: async () => ({ remove: async () => undefined }) as unknown as Scratch,
    peakRssMiB: () => 0,
    fetchAssignment: async (objects, bucket, child) => {
      const fetched = await options.fetch(objects, bucket, child)
      const { partition } = fetched.assignment
      fate = options.fateOf({ partition, round: child.round, jobAttempt: child.jobAttempt })
      return fate?.kind === 'never starts' ? dying(options, fate.end) : fetched
    },
    perform: async attempt => {
      if (fate?.kind === 'throws') throw fate.error
      const report = await working(attempt, fate, options)
      if (fate?.kind === 'reclaimed') return dying(options, 'reclaimed')
      if (fate?.kind === 'dies') return dying(options, fate.end)
      if (fate?.kind === 'vanishes') return dying(options, { exitCode: exitCodes.done })
      if (fate?.kind === 'lingers') await options.linger()
      if (fate?.kind === 'zombie') await options.becomeZombie(fate.again)
      return report
    },
  }
}

function dying({ die }: StandInOptions, end: ProcessEnd): Promise<never> {
  die(end)
  return never()
}

async function working(
  attempt: Attempt,
  fate: Fate | undefined,
  { worked }: StandInOptions,
): Promise<Report> {
  const { objects, run, assignment, stage, outputs } = attempt
  if (stage === Stage.split) return splitting(attempt)
  if (stage === Stage.merge) return merging({ ...attempt, merge: assignment.partition - stageBase.merge })
  const read = run.objects ? readObjects : readLines
  const whole = await read(objects, run, assignment, attempt.leave)
  const why = attempt.leave?.why
  const left = why === undefined ? { read: whole } : leftOff(whole, why)
  const { range, bytes, records } = left.read
  worked(assignment.partition, range === undefined ? 0 : range.end - range.start)
  const { kept, rejected } = sifted(bytes, run.pipeline.tolerate.rejectedRecords)
  const recordsRejected = fate?.kind === 'rejects' ? fate.records : rejected
  if (range !== undefined) await write(attempt, assignment, kept, records - recordsRejected)
  const wrongBytes = fate?.kind === 'starts wrong' ? fate.bytesLater : 0
  const real = range && { start: range.start + wrongBytes, end: range.end }
  return {
    ...(real ? { range: real } : {}),
    recordsRead: records,
    recordsRejected,
    recordsWritten: outputs.reduce((sum, output) => sum + output.records, 0),
    outputs,
    ...(left.rest ? { rest: left.rest } : {}),
  }
}

function write(attempt: Attempt, { partition }: Assignment, bytes: Buffer, records: number): Promise<void> {
  const { run, fence } = attempt
  const prefix = outputKeys.runPrefix(run.pipeline.output.prefix, run.runId)
  return publishable(attempt, `${prefix}${outputKeys.part(partition, fence)}`, bytes, records)
}
