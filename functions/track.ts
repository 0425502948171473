/** Batch said something: record it, in any order, any number of times. */
import { type JobEnd, parseJobEnd } from '../shared/events.ts'
import type { RunRecord } from '../shared/records.ts'
import { JobStatus } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { queueDoor } from './doorway/doors.ts'
import { batch, dynamodb, eventBridge, s3 } from './doorway/reach.ts'
import { stopWhereHopeless } from './steps/breaker.ts'
import { endSuperseded, isCountedOn, isEndedByUs, isRoundOver } from './steps/jobs.ts'
import { partitionOf, recordLoss } from './steps/losses.ts'
import { endChunk, loadRound, loadRun } from './steps/rounds.ts'

type Needs = World<'objects' | 'records' | 'jobs' | 'publish'>

export const handler = queueDoor('track', track, {
  objects: s3,
  records: dynamodb,
  jobs: batch,
  bus: eventBridge,
})

export async function track(world: Needs, event: unknown): Promise<void> {
  const end = parseJobEnd(event)
  if (!end) return
  world.mark?.({ runId: end.tie.runId, round: end.tie.round })
  const run = await loadRun(world, end.tie.runId)
  if (!run) return world.log.warn('a job of a run that we do not know', { ...end.tie, jobId: end.jobId })
  // Settle writes these down, of those that somebody was at work on.
  if (run.stopping && end.index !== undefined && isEndedByUs(end)) return
  const record = await loadRound(world, run.runId, end.tie.round)
  const counts = !record || isCountedOn(record, end)
  if (!counts || isRoundOver(run, end)) await endSuperseded(world, end)
  if (!end.isParent && end.status === JobStatus.FAILED) await trackLoss(world, run, end)
  if (end.index === undefined && counts) await endChunk(world, run.pipeline, end.tie, end.status)
}

async function trackLoss(world: Needs, run: RunRecord, end: JobEnd): Promise<void> {
  const { runId, round } = end.tie
  const partition = await partitionOf(world, run, end.tie, end.index ?? 0)
  if (partition === undefined) return
  const failure = await recordLoss(world, { runId, partition, round, jobId: end.jobId }, end)
  world.log.warn('a child failed', {
    runId,
    partition,
    round,
    reason: end.statusReason,
    exitCode: end.exitCode,
  })
  const isNews = failure !== undefined && !run.stopping && !isRoundOver(run, end)
  if (isNews) await stopWhereHopeless(world, run, partition, failure)
}
