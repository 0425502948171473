/** Every 5 minutes: find what was lost or stuck, and open its next door. */

import { epochMs } from '../shared/clock.ts'
import { terminalJob } from '../shared/events.ts'
import { isOpen } from '../shared/lifecycle.ts'
import { fromItem, type RoundRecord, type RunRecord } from '../shared/records.ts'
import { EventType, JobStatus, RoundState } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { eventDoor } from './doorway/doors.ts'
import { announce, chunksOf, closeRound, endChunk, loadRound, publishRoundDue } from './steps/rounds.ts'

/** Younger than this, an event is under way rather than lost. */
export const reconcileGraceMs = 60 * 1000
/** A job younger than this may not be shown by DescribeJobs yet; submitting all of a round takes less. */
const jobsShownAfterMs = 2 * 60 * 1000
const pagesMax = 100
const describedMax = 100

export const handler = eventDoor('reconcile', reconcile)

export async function reconcile(world: World): Promise<void> {
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
  if (!isOpen(run.state)) return announce(world, run)
  const record = await loadRound(world, run.runId, run.round)
  if (!record) return world.log.error('an open run without its round', { runId: run.runId, round: run.round })
  const submittedMs = world.clock.now() - (record.claimedAt ?? 0)
  if (record.state === RoundState.RUNNING && submittedMs >= jobsShownAfterMs) {
    await lookAtJobs(world, run, record)
  }
  if (record.state === RoundState.ENDED) {
    const { runId, pipeline, round } = run
    return world.bus.publish({ type: EventType.roundEnded, detail: { runId, pipeline, round } })
  }
  if (record.dueAt + reconcileGraceMs < world.clock.now()) await publishRoundDue(world, run, record.dueAt)
}

/** Jobs that Batch says are terminal, or has forgotten, have ended: settle finds out how. */
async function lookAtJobs(world: World, run: RunRecord, record: RoundRecord): Promise<void> {
  const waiting = Array.from({ length: chunksOf(record.partitions) }, (_, chunk) => chunk).filter(
    chunk => record[`end${chunk}`] === undefined,
  )
  if (waiting.length === 0) return closeRound(world, run.pipeline, record)
  for (let first = 0; first < waiting.length; first += describedMax) {
    const chunks = waiting.slice(first, first + describedMax)
    const ids = chunks.flatMap(chunk => record[`job${chunk}`] ?? [])
    const jobs = new Map((await world.jobs.describe(ids)).map(job => [job.jobId, job]))
    for (const chunk of chunks) {
      const status = jobs.get(record[`job${chunk}`] ?? '')?.status ?? JobStatus.FAILED
      if (!terminalJob(status)) continue
      await endChunk(world, run.pipeline, { runId: run.runId, round: run.round, chunk }, status)
    }
  }
}
