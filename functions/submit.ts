/** A round is due: the only room that calls SubmitJob. */

import { chunksOf } from '../shared/chunks.ts'
import type { RunDocument } from '../shared/documents.ts'
import { stateKeys } from '../shared/documents.ts'
import { isError } from '../shared/errors.ts'
import { parseOwnEvent, terminalJob } from '../shared/events.ts'
import { supersededReason } from '../shared/failure.ts'
import { requestFor } from '../shared/job-request.ts'
import { type JobTie, jobName } from '../shared/jobname.ts'
import { after, isOpen, runTable } from '../shared/lifecycle.ts'
import { queueOf } from '../shared/placement.ts'
import type { JobRequest } from '../shared/ports.ts'
import { fromItem, type RoundRecord, type RunRecord, recordKeys } from '../shared/records.ts'
import { whyRefused } from '../shared/stopping.ts'
import { JobStatus, RoundState } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { eventDoor } from './doorway/doors.ts'
import { batch, dynamodb, eventBridgeAndScheduler, s3 } from './doorway/reach.ts'
import { readDocument } from './steps/documents.ts'
import { placeFor } from './steps/jobs.ts'
import { closeRound, loadRound, loadRun, moveRun, publishRoundDueAt } from './steps/rounds.ts'
import { endStopped, stopRun } from './steps/stop.ts'

type Needs = World<'objects' | 'records' | 'jobs' | 'bus'>

/** A submit that has not finished within this time has died; another may take over. */
export const submitLeaseMs = 2 * 60 * 1000
/** A deployment under way may not have made its queues and definitions yet; beyond this, it will not make them. */
export const refusedPatienceMs = 15 * 60 * 1000

export const handler = eventDoor('submit', submit, {
  objects: s3,
  records: dynamodb,
  jobs: batch,
  bus: eventBridgeAndScheduler,
})

export async function submit(world: Needs, event: unknown): Promise<void> {
  const { runId, round } = parseOwnEvent(event)
  const run = await loadRun(world, runId)
  const record = await loadRound(world, runId, round ?? 0)
  if (!run || !record || run.round !== round) return world.log.info('not the newest round', { runId, round })
  if (record.dueAt > world.clock.now() && !run.stopping) return publishRoundDueAt(world, run, record.dueAt)
  const claimed = await claimRound(world, run, record)
  if (!claimed) await comeBack(world, run, record)
  else if (run.stopping) await leaveOut(world, run, claimed)
  else await submitted(world, run, claimed, record.state === RoundState.SUBMITTING)
  await finishSubmit(world, run)
}

/** Batch takes no such job, and will not by itself: the run is stopped rather than tried for ever. */
async function submitted(world: Needs, run: RunRecord, record: RoundRecord, resumed: boolean): Promise<void> {
  try {
    await submitChunks(world, run, record, resumed)
  } catch (error) {
    const waitedMs = world.clock.now() - record.dueAt
    if (!isError(error, 'REQUEST_REFUSED') || waitedMs < refusedPatienceMs) throw error
    await stopRun(world, run, whyRefused(error))
  }
}

/** `undefined` where the round is another's or has gone further. */
async function claimRound(
  world: Needs,
  run: RunRecord,
  record: RoundRecord,
): Promise<RoundRecord | undefined> {
  if (after(runTable, run.state, 'submitted') === undefined) return undefined
  const place = { ...(await placeFor(world, run, record)) }
  const now = world.clock.now()
  const outcome = await world.records.update(
    recordKeys.round(record.runId, record.round),
    { set: { state: RoundState.SUBMITTING, claimedAt: now, place } },
    [
      { state: { is: RoundState.WAITING } },
      { state: { is: RoundState.SUBMITTING }, claimedAt: { atMost: now - submitLeaseMs } },
    ],
  )
  return outcome.ok ? fromItem<RoundRecord>(outcome.item) : undefined
}

/** Another submit holds the round, or has died with it: this event must not be the last one to look. */
async function comeBack(world: Needs, run: RunRecord, record: RoundRecord): Promise<void> {
  if (record.state !== RoundState.SUBMITTING) return
  await publishRoundDueAt(world, run, (record.claimedAt ?? 0) + submitLeaseMs)
}

async function submitChunks(
  world: Needs,
  run: RunRecord,
  record: RoundRecord,
  resumed: boolean,
): Promise<void> {
  const ref = { bucket: world.config.buckets.state, key: stateKeys.run(run.runId) }
  const document = await readDocument<RunDocument>(world.objects, ref)
  const place = await placeFor(world, run, record)
  let before: string | undefined
  for (const [chunk, { partitions, lane = {} }] of chunksOf(record).entries()) {
    const submitted = record[`job${chunk}`]
    const tie = { runId: run.runId, round: record.round, chunk }
    const request = requestFor(document, place, tie, partitions, lane, before)
    const jobId = submitted ?? (await jobFor(world, tie, request, resumed))
    if (submitted === undefined && !(await recordJob(world, record, chunk, jobId))) return
    before = jobId
  }
  await finishRound(world, record)
}

async function jobFor(world: Needs, tie: JobTie, request: JobRequest, resumed: boolean): Promise<string> {
  const lost = resumed ? await findLost(world, request) : undefined
  const jobId = lost ?? (await world.jobs.submit(request)).jobId
  const { size, queue } = request
  world.log.info('submitted', { ...tie, jobId, size, queue })
  return jobId
}

/** Of a run that is being stopped: what an interrupted submit has left is known by its id, the rest has ended. */
async function leaveOut(world: Needs, run: RunRecord, record: RoundRecord): Promise<void> {
  const key = recordKeys.round(run.runId, record.round)
  const { place } = record
  for (const [chunk, { lane }] of chunksOf(record).entries()) {
    if (record[`job${chunk}`] !== undefined) continue
    const name = jobName({ runId: run.runId, round: record.round, chunk })
    const jobId = place && (await findLost(world, { name, queue: queueOf(place, lane) }))
    const set = jobId === undefined ? { [`end${chunk}`]: JobStatus.FAILED } : { [`job${chunk}`]: jobId }
    await world.records.update(key, { set }, claimOf(record))
  }
  await finishRound(world, record)
}

const claimOf = ({ claimedAt = 0 }: RoundRecord) => [
  { state: { is: RoundState.SUBMITTING }, claimedAt: { is: claimedAt } },
]

async function finishRound(world: Needs, record: RoundRecord): Promise<void> {
  const key = recordKeys.round(record.runId, record.round)
  await world.records.update(key, { set: { state: RoundState.RUNNING } }, claimOf(record))
}

/**
 * Whose claim was taken over meanwhile ends its job: another has that work.
 * @returns whether the claim stands
 */
async function recordJob(world: Needs, record: RoundRecord, chunk: number, jobId: string): Promise<boolean> {
  const key = recordKeys.round(record.runId, record.round)
  const outcome = await world.records.update(
    key,
    { set: { [`job${chunk}`]: jobId, submittedAt: world.clock.now() } },
    claimOf(record),
  )
  if (outcome.ok) return true
  const standing = await loadRound(world, record.runId, record.round)
  if (standing?.[`job${chunk}`] !== jobId) await world.jobs.terminate(jobId, supersededReason)
  return false
}

/** SubmitJob has no client token: on doubt, look for what an interrupted submit may have left. */
async function findLost(
  world: Needs,
  { name, queue }: Pick<JobRequest, 'name' | 'queue'>,
): Promise<string | undefined> {
  const found = await world.jobs.find(name, queue)
  return (found.find(({ status }) => !terminalJob(status)) ?? found[0])?.jobId
}

/** Also heals a submit that died between its last writes: the jobs run, the run does not say so yet. */
async function finishSubmit(world: Needs, run: RunRecord): Promise<void> {
  const record = await loadRound(world, run.runId, run.round)
  if (record?.state !== RoundState.RUNNING && record?.state !== RoundState.ENDED) return
  const moved = (await moveRun(world, run, 'submitted')) ?? (await loadRun(world, run.runId))
  // Whoever stopped the run in the meantime may not have seen these jobs.
  if (moved?.stopping && isOpen(moved.state)) await endStopped(world, moved)
  await closeRound(world, run.pipeline, record)
}
