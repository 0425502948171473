/** The jobs of a round, and their end. */
import { chunksOf } from '../../shared/chunks.ts'
import { type RunDocument, stateKeys } from '../../shared/documents.ts'
import { type JobEnd, terminalJob } from '../../shared/events.ts'
import { supersededReason, terminatedPrefix } from '../../shared/failure.ts'
import { jobName } from '../../shared/jobname.ts'
import { isOpen } from '../../shared/lifecycle.ts'
import { placeOf, queueOf } from '../../shared/placement.ts'
import type { Job } from '../../shared/ports.ts'
import type { Place, RoundRecord, RunRecord } from '../../shared/records.ts'
import type { World } from '../../shared/world.ts'
import { readDocument } from './documents.ts'

/** DescribeJobs' own limit. */
const describedMax = 100

/** As its first submit froze it; else as the pipeline is deployed now, which may have changed since the run was planned. */
export async function placeFor(
  world: World<'objects'>,
  run: RunRecord,
  { place }: RoundRecord,
): Promise<Place> {
  if (place !== undefined) return place
  const deployed = world.pipelines.find(({ name }) => name === run.pipeline)
  return placeOf(world.config, deployed ?? (await planned(world, run)).pipeline)
}

function planned({ objects, config }: World<'objects'>, { runId }: RunRecord): Promise<RunDocument> {
  return readDocument<RunDocument>(objects, { bucket: config.buckets.state, key: stateKeys.run(runId) })
}

/** By id; what Batch does not show is left out. Any number of ids. */
export async function describedJobs(
  { jobs }: Pick<World, 'jobs'>,
  jobIds: Iterable<string>,
): Promise<Map<string, Job>> {
  const ids = [...new Set(jobIds)]
  const found = new Map<string, Job>()
  for (let first = 0; first < ids.length; first += describedMax) {
    for (const job of await jobs.describe(ids.slice(first, first + describedMax))) found.set(job.jobId, job)
  }
  return found
}

/**
 * Ends whatever lives of a round: the jobs it records, and those of its names that a submit may have left unrecorded.
 * Does not wait for their end; repeating it is harmless.
 * @returns how many Batch showed alive
 */
export async function endJobs(
  world: World<'jobs'>,
  { runId }: Pick<RunRecord, 'runId'>,
  record: RoundRecord,
  reason: string,
): Promise<number> {
  // Never claimed by a submit: it has no jobs.
  if (record.place === undefined) return 0
  let alive = 0
  for (const [chunk, { lane }] of chunksOf(record).entries()) {
    const name = jobName({ runId, round: record.round, chunk })
    const found = await world.jobs.find(name, queueOf(record.place, lane))
    const live = found.filter(({ status }) => !terminalJob(status)).map(({ jobId }) => jobId)
    // Not shown: too new, or long gone.
    const own = record[`job${chunk}`]
    const unseen = own === undefined || found.some(({ jobId }) => jobId === own) ? [] : [own]
    for (const jobId of [...live, ...unseen]) {
      await world.jobs.terminate(jobId, reason)
      world.log.warn('ended a job', { runId, round: record.round, jobId, reason })
    }
    alive += live.length
  }
  return alive
}

/** Does the round count on this very job? As long as it records none, on any of that name. */
export function isCountedOn(record: RoundRecord, { tie, jobId }: JobEnd): boolean {
  const recorded = record[`job${tie.chunk}`]
  return recorded === undefined || recorded === parentOf(jobId)
}

/** An array of which a child has ended; what we have ended already says so in every child. */
export async function endSuperseded(world: World<'jobs'>, end: JobEnd): Promise<void> {
  if (end.index === undefined || isEndedByUs(end)) return
  await world.jobs.terminate(parentOf(end.jobId), supersededReason)
  world.log.warn('ended a job whose work another has', { ...end.tie, jobId: end.jobId })
}

export function isEndedByUs({ statusReason }: JobEnd): boolean {
  return statusReason?.startsWith(terminatedPrefix) ?? false
}

export function isRoundOver(run: RunRecord, { tie }: JobEnd): boolean {
  return tie.round < run.round || !isOpen(run.state)
}

/** Of an array's child: the array. */
export function parentOf(jobId: string): string {
  return jobId.replace(/:\d+$/, '')
}
