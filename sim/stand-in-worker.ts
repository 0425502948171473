/**
 * A worker without DuckDB: worker/work.ts step by step, with the real claim, finish, assignment and endings, and
 * the source's own lines as output. It meets the fate that the story has for it.
 */
import { isoTime } from '../shared/clock.ts'
import type { Config, Environment } from '../shared/config.ts'
import { type Assignment, outputKeys, type RunDocument, stageBase } from '../shared/documents.ts'
import { type AttemptEnd, exitCodes, fingerprint } from '../shared/failure.ts'
import type { Ports } from '../shared/ports.ts'
import type { OutputObject, Report } from '../shared/records.ts'
import { Stage } from '../shared/vocabulary.ts'
import { fetchAssignment } from '../worker/assignment.ts'
import { type Child, childFrom } from '../worker/child.ts'
import { claim, fail, type Held, succeed } from '../worker/claim.ts'
import { endingOf } from '../worker/ending.ts'
import type { Attempted, Fate } from './fates.ts'
import { readLines } from './stand-in-lines.ts'
import { readObjects } from './stand-in-objects.ts'
import { merging, publishable, splitting } from './stand-in-stages.ts'

export interface StandInOptions {
  ports: Pick<Ports, 'objects' | 'records' | 'clock'>
  config: Pick<Config, 'buckets'>
  fateOf: (attempted: Omit<Attempted, 'nth'>) => Fate | undefined
  /** Batch believes the machine lost; resolves when the story lets the zombie go on. */
  becomeZombie: (again: boolean) => Promise<void>
  /** Resolves when the story lets the slow go on. */
  linger: () => Promise<void>
  fetch?: typeof fetchAssignment
}

/** How the process ended, in Batch's words; `undefined`: Batch said so before. */
export type ProcessEnd = AttemptEnd | 'reclaimed' | undefined

interface Life extends StandInOptions {
  child: Child
  run: RunDocument
  assignment: Assignment
  stage: Stage
  held: Held
  fence: number
  fate: Fate | undefined
  outputs: OutputObject[]
}

/** Never throws. */
export async function standInWorker(options: StandInOptions, environment: Environment): Promise<ProcessEnd> {
  try {
    return await live(options, childFrom(environment))
  } catch (error) {
    return exit(endingOf(error).exitCode)
  }
}

async function live(options: StandInOptions, child: Child): Promise<ProcessEnd> {
  const { ports, config } = options
  const { run, assignment, stage } = await (options.fetch ?? fetchAssignment)(
    ports.objects,
    config.buckets.state,
    child,
  )
  const { partition } = assignment
  const fate = options.fateOf({ partition, round: child.round, jobAttempt: child.jobAttempt })
  if (fate?.kind === 'never starts') return fate.end
  const held: Held = { records: ports.records, clock: ports.clock, child, partition }
  const claimed = await claim(held)
  if ('refused' in claimed) return exit(exitCodes.done)
  const life = { ...options, child, run, assignment, stage, held, fence: claimed.fence, fate, outputs: [] }
  return attempt(life)
}

async function attempt(life: Life): Promise<ProcessEnd> {
  const { fate, held, fence } = life
  let report: Report
  try {
    report = await working(life)
    if (fate?.kind === 'reclaimed') return 'reclaimed'
    if (fate?.kind === 'dies') return fate.end
    if (fate?.kind === 'vanishes') return exit(exitCodes.done)
    if (fate?.kind === 'lingers') await life.linger()
    if (fate?.kind === 'zombie') await life.becomeZombie(fate.again)
  } catch (error) {
    await removeOutputs(life)
    return failed(life, error)
  }
  const finished = await finishing(() => succeed(held, fence, report))
  if (finished === 'fenced off') await removeOutputs(life)
  if (fate?.kind === 'zombie') return undefined
  return exit(finished === 'unknown' ? exitCodes.temporary : exitCodes.done)
}

async function working(life: Life): Promise<Report> {
  const { ports, run, assignment, stage, fate, fence, outputs } = life
  if (fate?.kind === 'throws') throw fate.error
  if (stage === Stage.split) return splitting(life)
  if (stage === Stage.merge) return merging({ ...life, merge: assignment.partition - stageBase.merge })
  const read = run.objects ? readObjects : readLines
  const { range, bytes, records } = await read(ports.objects, run, assignment)
  const recordsRejected = fate?.kind === 'rejects' ? fate.records : 0
  if (range !== undefined) {
    const prefix = outputKeys.runPrefix(run.pipeline.output.prefix, run.runId)
    const key = `${prefix}${outputKeys.part(assignment.partition, fence)}`
    await publishable(life, key, bytes, records - recordsRejected)
  }
  const wrongBytes = fate?.kind === 'starts wrong' ? fate.bytesLater : 0
  const real = range && { start: range.start + wrongBytes, end: range.end }
  return {
    ...(real ? { range: real } : {}),
    recordsRead: records,
    recordsRejected,
    recordsWritten: outputs.reduce((sum, output) => sum + output.records, 0),
    outputs,
  }
}

async function failed({ held, fence, child, ports }: Life, error: unknown): Promise<ProcessEnd> {
  const { code, reason, exitCode, ...refused } = endingOf(error)
  const { round, jobId } = child
  const at = isoTime(ports.clock.now())
  const said = { code, fingerprint: fingerprint(code, reason), reason, ...refused }
  const failure = { round, fence, ...said, exitCode, jobId, at }
  const finished = await finishing(() => fail(held, failure))
  if (finished === 'unknown') return exit(exitCodes.temporary)
  return exit(finished === 'fenced off' ? exitCodes.done : exitCode)
}

async function finishing<Finished>(write: () => Promise<Finished>): Promise<Finished | 'unknown'> {
  try {
    return await write()
  } catch {
    return 'unknown'
  }
}

async function removeOutputs({ ports, config, outputs }: Life): Promise<void> {
  if (outputs.length === 0) return
  const refs = outputs.map(({ key }) => ({ bucket: config.buckets.output, key }))
  // Left behind, they are swept when the run publishes.
  await ports.objects.remove(refs).catch(() => undefined)
}

function exit(exitCode: number): AttemptEnd {
  return { exitCode }
}
