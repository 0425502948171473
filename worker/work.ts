/** The worker's whole life, but for the process around it: claim, attempt, finish. Answers the exit code. */

import { isoTime } from '../shared/clock.ts'
import type { Config, Environment } from '../shared/config.ts'
import type { Assignment } from '../shared/documents.ts'
import { isError } from '../shared/errors.ts'
import { exitCodes, fingerprint } from '../shared/failure.ts'
import type { Ports } from '../shared/ports.ts'
import type { OutputObject } from '../shared/records.ts'
import { fetchAssignment } from './assignment.ts'
import type { Attempt } from './attempt.ts'
import { type Child, childFrom } from './child.ts'
import { claim, type Finished, fail, type Held, succeed } from './claim.ts'
import type { Session, SessionOptions } from './duckdb/session.ts'
import { endingOf } from './ending.ts'
import { createLog, type WorkerLog } from './log.ts'
import { heeded, type Leave, stopOf } from './notice/leave.ts'
import { watch } from './notice/watch.ts'
import { peakRssMiB } from './peak.ts'
import { perform } from './perform.ts'
import { openScratch } from './scratch.ts'

export interface WorkOptions {
  config: Pick<Config, 'buckets'>
  /** Takes one line of the log. */
  write: (line: string) => void
  /** Once aborted, it ends as soon as it can, with nothing said. */
  signal?: AbortSignal
  /** It may be wished to leave off, by its partition's record too. */
  leave?: Leave
  /** Where `leave` is there: whom to ask for Spot notices (worker/notice/watch.ts). */
  metadataUrl?: string | undefined
  /** What it does with them where they are others: the simulator's. */
  hands?: Partial<Hands>
}

/** Whatever reaches beyond the ports, or is too dear to do a million times. */
const ownHands = { fetchAssignment, openScratch, perform, peakRssMiB }
export type Hands = typeof ownHands

type WorkPorts = Pick<Ports, 'objects' | 'records' | 'clock'>

interface Life {
  ports: WorkPorts
  options: WorkOptions
  child: Child
  log: WorkerLog
}

const handsOf = ({ hands }: WorkOptions): Hands => ({ ...ownHands, ...hands })

/** Never throws. Exit codes: shared/failure.ts; 0 also where there was nothing to do. */
export async function work(
  ports: WorkPorts,
  environment: Environment,
  options: WorkOptions,
): Promise<number> {
  let log = createLog(ports.clock, options.write)
  try {
    const child = childFrom(environment)
    log = log.with({ runId: child.runId, round: child.round, jobId: child.jobId })
    log.info('start', { chunk: child.chunk, index: child.index, jobAttempt: child.jobAttempt })
    return await live({ ports, options, child, log })
  } catch (error) {
    // Before the claim nothing is held, and Batch's own word of the exit is what is left to track.
    if (stopOf(options)?.aborted) return exitCodes.terminated
    const ending = endingOf(error)
    log.error('failed', { ...ending, error: described(error) })
    return ending.exitCode
  }
}

async function live({ ports, options, child, log }: Life): Promise<number> {
  const hands = handsOf(options)
  const { run, assignment, stage } = await hands.fetchAssignment(
    ports.objects,
    options.config.buckets.state,
    child,
  )
  const { partition } = assignment
  if (child.isBeside) {
    const { workBeside } = await import('./command/other-node.ts')
    return workBeside({ run, partition, stage, log, signal: stopOf(options), ...child })
  }
  const held: Held = { records: ports.records, clock: ports.clock, child, partition }
  if (stopOf(options)?.aborted) return exitCodes.terminated
  const claimed = await claim(held)
  if ('refused' in claimed) {
    log.info('nothing to do', {
      partition,
      refused: claimed.refused,
      by: claimed.by.fence,
      state: claimed.by.state,
    })
    return exitCodes.done
  }
  const { fence } = claimed
  const claimedLog = log.with({ partition, fence })
  claimedLog.info('claimed', { start: assignment.start, end: assignment.end })
  return attempt({ ports, options, child, log: claimedLog }, held, fence, { run, assignment, stage })
}

async function attempt(
  life: Life,
  held: Held,
  fence: number,
  task: Pick<Attempt, 'run' | 'assignment' | 'stage'>,
): Promise<number> {
  const { ports, options, child, log } = life
  const hands = handsOf(options)
  const outputs: OutputObject[] = []
  const claimedAt = ports.clock.now()
  const scratch = await hands.openScratch(child.scratchParent)
  const { leave, metadataUrl } = options
  const unwatch = leave && watch({ held, fence, leave, log, metadataUrl })
  try {
    const performed = await hands.perform({
      objects: ports.objects,
      buckets: options.config.buckets,
      ...task,
      fence,
      scratch,
      log,
      outputs,
      elapsedMs: () => ports.clock.now(),
      openSession: given => openSession(task.assignment, { ...child, ...given }),
      ...heeded(options, task),
    })
    const report = { ...performed, durationMs: ports.clock.now() - claimedAt }
    if (options.signal?.aborted) return await stopped(life, outputs)
    const finished = await finishing(life, () => succeed(held, fence, report))
    if (finished === 'fenced off') await removeOutputs(life, outputs)
    if (finished === 'unknown') return exitCodes.temporary
    const { recordsRead, recordsWritten, recordsRejected } = report
    const counts = { recordsRead, recordsWritten, recordsRejected }
    log.info('finished', { finished, ...counts, peakRssMiB: hands.peakRssMiB() })
    return exitCodes.done
  } catch (error) {
    if (options.signal?.aborted || isError(error, 'STOPPED')) return await stopped(life, outputs)
    await removeOutputs(life, outputs)
    return await failed(life, held, fence, error)
  } finally {
    unwatch?.()
    await scratch.remove()
  }
}

/** Opening DuckDB costs 100 ms: not before it is needed. */
async function openSession({ careful }: Assignment, options: SessionOptions): Promise<Session> {
  if (careful) return (await import('./bisect/isolated-session.ts')).openIsolatedSession(options)
  return (await import('./duckdb/session.ts')).openSession(options)
}

/** The partition is left as it is: Batch says why the attempt ended, and the next claim takes over. */
async function stopped(life: Life, outputs: OutputObject[]): Promise<number> {
  life.log.warn('stopped')
  await removeOutputs(life, outputs)
  return exitCodes.terminated
}

async function failed(life: Life, held: Held, fence: number, error: unknown): Promise<number> {
  const { code, reason, exitCode, refusal, remedy, final } = endingOf(error)
  const { round, jobId } = life.child
  const at = isoTime(life.ports.clock.now())
  const refused = refusal === undefined ? {} : { refusal, ...(remedy === undefined ? {} : { remedy }) }
  const hopeless = final ? { final } : {}
  const said = { code, fingerprint: fingerprint(code, reason), reason, ...refused, ...hopeless }
  const failure = { round, fence, ...said, exitCode, jobId, at }
  life.log.error('failed', { code, reason, exitCode, error: described(error) })
  const finished = await finishing(life, () => fail(held, failure))
  if (finished === 'unknown') return exitCodes.temporary
  // A later attempt holds the partition; what became of this one is of no interest any more.
  return finished === 'fenced off' ? exitCodes.done : exitCode
}

/** `unknown`: the write may have happened or not, so what it names must stay. */
async function finishing(life: Life, write: () => Promise<Finished>): Promise<Finished | 'unknown'> {
  try {
    return await write()
  } catch (error) {
    life.log.error('the last word could not be written', { error: described(error) })
    return 'unknown'
  }
}

async function removeOutputs({ ports, options, log }: Life, outputs: OutputObject[]): Promise<void> {
  if (outputs.length === 0) return
  try {
    await ports.objects.remove(outputs.map(({ key }) => ({ bucket: options.config.buckets.output, key })))
  } catch (error) {
    log.warn('outputs of no use could not be removed', { keys: outputs.length, error: described(error) })
  }
}

function described(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
