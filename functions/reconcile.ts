/** Every 5 minutes: find what was lost or stuck, and open its next door. */

import { chunksOf } from '../shared/chunks.ts'
import { epochMs } from '../shared/clock.ts'
import { terminalJob } from '../shared/events.ts'
import { isOpen } from '../shared/lifecycle.ts'
import { fromItem, type RoundRecord, type RunRecord, recordKeys } from '../shared/records.ts'
import { EventType, JobStatus, RoundState } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { eventDoor } from './doorway/doors.ts'
import { checkExpectations } from './steps/expectations.ts'
import { reviveGroups } from './steps/groups.ts'
import { announce, closeRound, endChunk, loadRound, publishRoundDue } from './steps/rounds.ts'

/** Younger than this, an event is under way rather than lost. */
export const reconcileGraceMs = 60 * 1000
/**
 * A job that DescribeJobs does not show is either too new or long gone: new ones lag by seconds or minutes, ended
 * ones stay for about a day at least. In between, half a day.
 */
export const jobsForgottenAfterMs = 12 * 60 * 60 * 1000
/** Slack may be down or its channel wrong for a while; beyond this, trying every 5 minutes helps nobody. */
export const tellWithinMs = 7 * 24 * 60 * 60 * 1000
const pagesMax = 100
const describedMax = 100

export const handler = eventDoor('reconcile', reconcile)

export async function reconcile(world: World): Promise<void> {
  await reviveGroups(world, reconcileGraceMs)
  await checkExpectations(world, reconcileGraceMs)
  let after: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const query = {
      index: 'open' as const,
      pk: 'OPEN',
      limit: 100,
      ...(after === undefined ? {} : { after }),
    }
    const { items, next } = await world.records.query(query)
    for (const item of items) await nudgeSafely(world, fromItem<RunRecord>(item))
    if (next === undefined) return
    after = next
  }
  world.log.warn('more open runs than one reconcile looks at; the next one starts again', { pagesMax })
}

/** One stuck run must not hide the others. */
async function nudgeSafely(world: World, run: RunRecord): Promise<void> {
  try {
    await nudge(world, run)
  } catch (error) {
    world.log.error('cannot reconcile this run now', { runId: run.runId, error })
  }
}

async function nudge(world: World, run: RunRecord): Promise<void> {
  const quietMs = world.clock.now() - epochMs(run.updatedAt)
  if (quietMs < reconcileGraceMs) return
  if (!isOpen(run.state)) return quietMs < tellWithinMs ? announce(world, run) : forget(world, run)
  const record = await loadRound(world, run.runId, run.round)
  if (!record) return world.log.error('an open run without its round', { runId: run.runId, round: run.round })
  if (record.state === RoundState.RUNNING) await lookAtJobs(world, run, record)
  if (record.state === RoundState.ENDED) {
    const { runId, pipeline, round } = run
    return world.bus.publish({ type: EventType.roundEnded, detail: { runId, pipeline, round } })
  }
  if (record.dueAt + reconcileGraceMs < world.clock.now()) await publishRoundDue(world, run, record.dueAt)
}

async function forget(world: World, run: RunRecord): Promise<void> {
  world.log.error('nobody could be told of this run; it is no longer tried', {
    runId: run.runId,
    state: run.state,
  })
  const still = [{ state: { is: run.state }, round: { is: run.round } }]
  await world.records.update(recordKeys.run(run.runId), { remove: ['open', 'openSk'] }, still)
}

/** Jobs that Batch says are terminal, or has forgotten, have ended: settle finds out how. */
async function lookAtJobs(world: World, run: RunRecord, record: RoundRecord): Promise<void> {
  const waiting = [...chunksOf(record).keys()].filter(chunk => record[`end${chunk}`] === undefined)
  if (waiting.length === 0) return closeRound(world, run.pipeline, record)
  const gone = world.clock.now() - (record.claimedAt ?? 0) >= jobsForgottenAfterMs
  for (let first = 0; first < waiting.length; first += describedMax) {
    const chunks = waiting.slice(first, first + describedMax)
    const ids = chunks.flatMap(chunk => record[`job${chunk}`] ?? [])
    const jobs = new Map((await world.jobs.describe(ids)).map(job => [job.jobId, job]))
    for (const chunk of chunks) {
      const status = jobs.get(record[`job${chunk}`] ?? '')?.status ?? (gone ? JobStatus.FAILED : undefined)
      if (status === undefined || !terminalJob(status)) continue
      await endChunk(world, run.pipeline, { runId: run.runId, round: run.round, chunk }, status)
    }
  }
}
