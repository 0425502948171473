/** A run is ended before its time: its jobs are terminated, and its round then ends as any other. */
import { isoTime } from '../../shared/clock.ts'
import { MillraceError } from '../../shared/errors.ts'
import { failureRules } from '../../shared/failure.ts'
import { allows, can, isOpen, runTable } from '../../shared/lifecycle.ts'
import { fromItem, type RunRecord, recordKeys } from '../../shared/records.ts'
import { type Stopping, stopReason } from '../../shared/stopping.ts'
import { RoundState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { endJobs } from './jobs.ts'
import { loadRound, loadRun, publishRoundDue } from './rounds.ts'

type Needs = World<'records' | 'jobs' | 'publish'>

/** Rounds may pass by while a person asks; not so many at once. */
const cancelTriesMax = 5

/**
 * The first reason stays; a crash behind that write is made good by reconcile. Settle then ends the run.
 * @returns false where the run has ended, or gone on to another round
 */
export async function stopRun(world: Needs, run: RunRecord, why: Stopping): Promise<boolean> {
  const still = {
    round: { is: run.round },
    stopping: { absent: true },
    publishing: { absent: true },
  } as const
  const guard = allows(runTable, 'gaveUp').map(clause => ({ ...clause, ...still }))
  const change = { set: { stopping: { ...why }, updatedAt: isoTime(world.clock.now()) } }
  const outcome = await world.records.update(recordKeys.run(run.runId), change, guard)
  const standing = outcome.item ? fromItem<RunRecord>(outcome.item) : await loadRun(world, run.runId)
  if (!standing?.stopping || !isOpen(standing.state)) return false
  if (outcome.ok) world.log.error('stopping the run', { runId: run.runId, ...why })
  await endStopped(world, standing)
  return true
}

/** The jobs of a run that is being stopped. Where it has none, submit, which sees to that, opens the way to settle. */
export async function endStopped(world: Needs, run: RunRecord): Promise<void> {
  const record = await loadRound(world, run.runId, run.round)
  if (!record || !run.stopping) return
  const submitted = record.state !== RoundState.WAITING
  if (submitted) await endJobs(world, run, record, stopReason(run.stopping))
  const unfinished = record.state === RoundState.WAITING || record.state === RoundState.SUBMITTING
  if (unfinished) await publishRoundDue(world, run)
}

/** @returns the run as it is being stopped. Errors: NOT_FOUND, NOT_ALLOWED with the reason. */
export async function cancelRun(world: Needs, runId: string, reason?: string): Promise<RunRecord> {
  const { words, remedy } = failureRules.CANCELLED
  const why = { code: 'CANCELLED', words: reason ?? words, remedy }
  for (let tries = 0; tries < cancelTriesMax; tries++) {
    const run = await loadRun(world, runId)
    if (!run)
      throw new MillraceError('NOT_FOUND', `No run ${runId}`, { remedy: 'List them with `millrace runs`.' })
    const allowed = can.cancel(run.state)
    if (allowed !== true) throw new MillraceError('NOT_ALLOWED', allowed)
    if (run.publishing) throw new MillraceError('NOT_ALLOWED', 'The run is being published.')
    if (await stopRun(world, run, why)) return (await loadRun(world, runId)) ?? run
  }
  throw new MillraceError('NOT_ALLOWED', `The run has moved on ${cancelTriesMax} times; look at it again.`)
}
