/** What is wrong with a round whose jobs go on: nobody has a place for them, or a few keep all others waiting. */

import { chunksOf } from '../../shared/chunks.ts'
import type { Job } from '../../shared/ports.ts'
import { type RoundRecord, type RunRecord, recordKeys } from '../../shared/records.ts'
import { remedyOf } from '../../shared/remedy.ts'
import { stageOf } from '../../shared/stages.ts'
import { areMostDone, stragglersOf } from '../../shared/stragglers.ts'
import { JobStatus, PartitionState, Stage } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { partitionsOf } from './gather.ts'
import { describedJobs, parentOf } from './jobs.ts'
import { stopRun } from './stop.ts'

type Needs = World<'objects' | 'records' | 'jobs' | 'publish'>

/** A job none of whose children has ever started for so long will not do so by itself. */
export const stuckAfterMs = 6 * 60 * 60 * 1000

/** `jobs`: those of the round that Batch shows and that have not ended. */
export async function watchJobs(
  world: Needs,
  run: RunRecord,
  record: RoundRecord,
  jobs: readonly Job[],
): Promise<void> {
  if (run.stopping || jobs.length === 0) return
  const stuck = await stuckOf(world, run, record, jobs)
  if (stuck) await stopStuck(world, run, stuck)
  else await askStragglers(world, run, record, jobs)
}

async function stuckOf(
  world: World<'records'>,
  run: RunRecord,
  record: RoundRecord,
  jobs: readonly Job[],
): Promise<Job | undefined> {
  const now = world.clock.now()
  if (now - (record.claimedAt ?? now) < stuckAfterMs) return undefined
  const idle = jobs.filter(job => !runsNow(job))
  if (idle.length === 0) return undefined
  // A child that Spot took back is as RUNNABLE as one that never ran.
  const tasks = await partitionsOf(world, run, stageOf(record))
  const claims = tasks.flatMap(task => task.claims ?? []).filter(({ round }) => round === record.round)
  const started = new Set(claims.map(({ jobId }) => parentOf(jobId)))
  return idle.find(({ jobId }) => !started.has(jobId))
}

function runsNow({ status, statusSummary }: Job): boolean {
  const waiting: JobStatus[] = [JobStatus.SUBMITTED, JobStatus.PENDING, JobStatus.RUNNABLE]
  const there = Object.entries(statusSummary ?? { [status]: 1 }).filter(([, count]) => count > 0)
  return there.some(([name]) => !waiting.includes(name as JobStatus))
}

async function stopStuck(world: Needs, run: RunRecord, { jobId, statusReason }: Job): Promise<void> {
  // Of an array, its first child knows.
  const [child] = statusReason ? [] : (await describedJobs(world, [`${jobId}:0`])).values()
  const reason = statusReason ?? child?.statusReason ?? 'Batch says no reason'
  await stopRun(world, run, {
    code: 'UNSCHEDULABLE',
    words: `job ${jobId} has waited for a place for ${stuckAfterMs / 3_600_000} hours: ${reason}`,
    remedy: remedyOf('UNSCHEDULABLE', reason),
  })
}

async function askStragglers(
  world: World<'records'>,
  run: RunRecord,
  record: RoundRecord,
  jobs: readonly Job[],
): Promise<void> {
  if (stageOf(record) !== Stage.work || !areMostDone(record.partitions, summaryOf(record, jobs))) return
  for (const { partition, fence } of stragglersOf(
    await partitionsOf(world, run),
    record.round,
    world.clock.now(),
  )) {
    const still = [{ state: { is: PartitionState.RUNNING }, fence: { is: fence } }]
    const key = recordKeys.partition(run.runId, partition)
    const { ok } = await world.records.update(key, { set: { askedToYield: fence } }, still)
    if (ok) world.log.warn('asked to leave off', { runId: run.runId, partition, fence })
  }
}

/** Of the whole round: what has ended is counted by our own record. */
function summaryOf(record: RoundRecord, jobs: readonly Job[]): Partial<Record<JobStatus, number>> {
  const sum: Partial<Record<JobStatus, number>> = {}
  const add = (status: string, count: number): void => {
    sum[status as JobStatus] = (sum[status as JobStatus] ?? 0) + count
  }
  for (const [chunk, { partitions }] of chunksOf(record).entries()) {
    const end = record[`end${chunk}`]
    if (end !== undefined) add(end, partitions)
  }
  for (const { status, statusSummary } of jobs) {
    for (const [name, count] of Object.entries(statusSummary ?? { [status]: 1 })) add(name, count)
  }
  return sum
}
