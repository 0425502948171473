/** What Batch knows of partitions that could not say a last word themselves. */

import { chunksOf } from '../../shared/chunks.ts'
import { isoTime } from '../../shared/clock.ts'
import type { AssignmentPage } from '../../shared/documents.ts'
import { placeOf, stateKeys } from '../../shared/documents.ts'
import { terminalJob } from '../../shared/events.ts'
import { type AttemptEnd, classify, fingerprint } from '../../shared/failure.ts'
import type { JobTie } from '../../shared/jobname.ts'
import {
  childrenPerArrayMax,
  type Failure,
  fromItem,
  type PartitionRecord,
  type RoundRecord,
  type RunRecord,
  recordKeys,
} from '../../shared/records.ts'
import type { Guard } from '../../shared/table.ts'
import { JobStatus, PartitionState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { readDocument } from './documents.ts'
import { describedJobs, parentOf } from './jobs.ts'

/** Which partition a child worked: by arithmetic in a first round of work, by the round's pages later. */
export async function partitionOf(
  world: World<'objects'>,
  { splits, partitions }: RunRecord,
  tie: JobTie,
  index: number,
): Promise<number | undefined> {
  const byArithmetic = tie.chunk * childrenPerArrayMax + index
  // Multi-node jobs go one by one, so that only the first of them is where arithmetic has it.
  if (tie.round === 1 && !splits && byArithmetic < partitions) return byArithmetic
  const { page, offset } = placeOf(tie.chunk, index, childrenPerArrayMax)
  const key = stateKeys.assignments(tie.runId, tie.round, page)
  const document = await readDocument<AssignmentPage>(world.objects, {
    bucket: world.config.buckets.state,
    key,
  })
  return document.assignments[offset]?.partition
}

/**
 * Does any job of the round go on? Where it was submitted twice, the end of one job says nothing of the other, which
 * may not even be recorded: so whoever holds a partition is asked too.
 */
export async function stillAtWork(
  world: World<'objects' | 'jobs'>,
  record: RoundRecord,
  holders: Iterable<string | undefined>,
): Promise<boolean> {
  const recorded = chunksOf(record).map((_, chunk) => record[`job${chunk}`])
  const known = [...recorded, ...holders].filter(id => id !== undefined)
  const jobs = await describedJobs(world, known.map(parentOf))
  return [...jobs.values()].some(({ status }) => !terminalJob(status))
}

/** What Batch says of the jobs that held partitions and FAILED, by job id. */
export async function heldEnds(
  world: World<'objects' | 'jobs'>,
  holders: Iterable<string>,
): Promise<Map<string, AttemptEnd>> {
  const jobs = await describedJobs(world, holders)
  return new Map([...jobs].filter(([, { status }]) => status === JobStatus.FAILED))
}

/**
 * Records a failure unless the worker, or a repeated event, has done so: a partition that SUCCEEDED, failed in this
 * round already, or is held by another job stays as it is.
 * @returns the failure of this round that stands, whoever recorded it
 */
export async function recordLoss(
  world: World<'records'>,
  lost: { runId: string; partition: number; round: number; jobId?: string },
  end: AttemptEnd,
): Promise<Failure | undefined> {
  const { runId, partition, round, jobId } = lost
  const code = classify(end)
  const reason = wordsOf(end)
  const failure = {
    round,
    fence: 0,
    code,
    fingerprint: fingerprint(code, reason),
    reason,
    at: isoTime(world.clock.now()),
    ...(end.exitCode === undefined ? {} : { exitCode: end.exitCode }),
    ...(jobId === undefined ? {} : { jobId }),
  }
  const set = { state: PartitionState.FAILED, runId, partition, round }
  const change = { set, add: { fence: 0 }, append: { failures: [failure] } }
  const key = recordKeys.partition(runId, partition)
  const outcome = await world.records.update(key, change, lossGuard(round, jobId))
  const item = outcome.item ?? (await world.records.get(key))
  return item && failureIn(fromItem<PartitionRecord>(item), round)
}

function failureIn({ state, failures }: PartitionRecord, round: number): Failure | undefined {
  const last = state === PartitionState.FAILED ? failures?.at(-1) : undefined
  return last?.round === round ? last : undefined
}

function lossGuard(round: number, jobId: string | undefined): Guard {
  const holder = jobId === undefined ? {} : { jobId: { is: jobId } }
  return [
    { state: { absent: true } },
    { state: { is: PartitionState.RUNNING }, round: { is: round }, ...holder },
    { state: { oneOf: [PartitionState.RUNNING, PartitionState.FAILED] }, round: { atMost: round - 1 } },
  ]
}

function wordsOf({ statusReason, reason, exitCode }: AttemptEnd): string {
  const said = [reason, statusReason].filter(part => part !== undefined).join('; ')
  const exit = exitCode === undefined ? '' : ` (exit ${exitCode})`
  return (said === '' ? 'ended without a word' : said) + exit
}
