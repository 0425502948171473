/** All that settling a round looks at. */

import { chunksOf, pagesOfChunk } from '../../shared/chunks.ts'
import { isoTime } from '../../shared/clock.ts'
import {
  type Assignment,
  type AssignmentPage,
  type RunDocument,
  stageBase,
  stateKeys,
} from '../../shared/documents.ts'
import { fingerprint } from '../../shared/failure.ts'
import { allows, partitionTable } from '../../shared/lifecycle.ts'
import type { FailedChild } from '../../shared/ports.ts'
import {
  fromItem,
  type PartitionRecord,
  partitionPagePk,
  partitionsPerPage,
  type RoundRecord,
  type RunRecord,
  recordKeys,
} from '../../shared/records.ts'
import { type StagedRun, stageOf, taskCount } from '../../shared/stages.ts'
import type { Miscut } from '../../shared/tiling.ts'
import type { RoundFacts } from '../../shared/verdict.ts'
import { PartitionState, Stage } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { readDocument, runDocument } from './documents.ts'
import { recordLoss, stillAtWork } from './losses.ts'
import { begunResplits, resplitsOf } from './resplits.ts'
import { loadRound } from './rounds.ts'

export async function gatherFacts(world: World, run: RunRecord): Promise<RoundFacts> {
  const { runId, round } = run
  const record = (await loadRound(world, runId, round)) ?? { runId, round, partitions: 0 }
  const document = await runDocument(world, run)
  const stage = stageOf(run)
  return {
    run,
    document,
    assignments: await assignmentsOf(world, record),
    ...(await plannedOf(world, run, document)),
    resplits: await resplitsOf(world, run),
    ...(await begunResplits(world, runId, round + 1)),
    partitions: await partitionsOf(world, run),
    ...(stage === Stage.work ? {} : { tasks: await partitionsOf(world, run, stage) }),
    stateBucket: world.config.buckets.state,
    outputBucket: world.config.buckets.output,
    now: isoTime(world.clock.now()),
    random: world.clock.random(),
  }
}

/** What round 1 told the partitions, where no arithmetic cuts them. */
export async function plannedOf(
  world: Pick<World, 'objects' | 'config'>,
  { runId }: Pick<RunRecord, 'runId'>,
  { layout, partitions }: RunDocument,
): Promise<{ planned?: Map<number, Assignment> }> {
  return layout.space === 'objects'
    ? { planned: await assignmentsOf(world, { runId, round: 1, partitions }) }
    : {}
}

/** The record of every partition, or of every task of another stage, in order. */
export async function partitionsOf(
  world: Pick<World, 'records'>,
  run: StagedRun & Pick<RunRecord, 'runId'>,
  stage: Stage = Stage.work,
): Promise<PartitionRecord[]> {
  const found: PartitionRecord[] = []
  const first = stageBase[stage] / partitionsPerPage
  for (let page = 0; page * partitionsPerPage < taskCount(run, stage); page++) {
    let after: string | undefined
    do {
      const query = {
        pk: partitionPagePk(run.runId, first + page),
        ...(after === undefined ? {} : { after }),
      }
      const { items, next } = await world.records.query(query)
      for (const item of items) found.push(fromItem<PartitionRecord>(item))
      after = next
    } while (after !== undefined)
  }
  return found
}

/** The records of the tasks that are no partitions: of the split stage, then of the merge stage. */
export async function tasksBeside(world: Pick<World, 'records'>, run: RunRecord): Promise<PartitionRecord[]> {
  const split = run.splits ? await partitionsOf(world, run, Stage.split) : []
  return [...split, ...(await partitionsOf(world, run, Stage.merge))]
}

type AnyRound = Pick<RoundRecord, 'runId' | 'round' | 'partitions' | 'chunks'>

/** What a round told its tasks, by task. Errors: those of reading. */
export async function assignmentsOf(
  world: Pick<World, 'objects' | 'config'>,
  round: AnyRound,
): Promise<Map<number, Assignment>> {
  const chunks = await chunkedAssignments(world, round)
  return new Map(chunks.flat().map(assignment => [assignment.partition, assignment]))
}

/** By array, and in it by index. */
async function chunkedAssignments(
  world: Pick<World, 'objects' | 'config'>,
  round: AnyRound,
): Promise<Assignment[][]> {
  const found: Assignment[][] = []
  for (const [number, chunk] of chunksOf(round).entries()) {
    const { first, count } = pagesOfChunk(number, chunk)
    const own: Assignment[] = []
    for (let page = first; page < first + count; page++) {
      const key = stateKeys.assignments(round.runId, round.round, page)
      const ref = { bucket: world.config.buckets.state, key }
      own.push(...(await readDocument<AssignmentPage>(world.objects, ref)).assignments)
    }
    found.push(own)
  }
  return found
}

/**
 * Gives every partition of the round that has neither succeeded nor failed the reason that Batch knows: its event
 * may be late or lost. What Batch knows nothing of either ended without a word.
 * @returns false where a job is still at work on them: its end opens the door again
 */
export async function fillLosses(world: World, run: RunRecord, record: RoundRecord): Promise<boolean> {
  const { runId, round } = record
  const worked = await chunkedAssignments(world, record)
  const tasks = await partitionsOf(world, run, stageOf(record))
  const known = new Map(tasks.map(task => [task.partition, task]))
  const order = worked.flat().map(({ partition }) => partition)
  const silent = new Set(order.filter(partition => isSilent(known.get(partition), round)))
  if (silent.size === 0) return true
  const holders = [...silent].map(partition => known.get(partition)?.jobId)
  if (await stillAtWork(world, record, holders)) return false
  for (const [chunk, assignments] of worked.entries()) {
    for await (const child of failedChildren(world, record[`job${chunk}`])) {
      const partition = assignments[child.index]?.partition
      if (partition === undefined || !silent.delete(partition)) continue
      await recordLoss(world, { runId, partition, round }, child)
    }
  }
  for (const partition of silent) await recordLoss(world, { runId, partition, round }, {})
  return true
}

function isSilent(partition: PartitionRecord | undefined, round: number): boolean {
  if (partition === undefined) return true
  if (partition.state === PartitionState.SUCCEEDED) return false
  return !partition.failures?.some(failure => failure.round === round)
}

async function* failedChildren(world: World, jobId: string | undefined): AsyncGenerator<FailedChild> {
  if (jobId === undefined) return
  let after: string | undefined
  do {
    const { failed, next } = await world.jobs.failures(jobId, after)
    yield* failed
    after = next
  } while (after !== undefined)
}

/** Takes back the success of partitions whose start their neighbours disproved; only ever by what tiles. */
export async function markMiscut(world: World, run: RunRecord, found: readonly Miscut[]): Promise<void> {
  for (const { assignment, words } of found) {
    const failure = {
      round: run.round,
      fence: 0,
      code: 'MISCUT',
      fingerprint: fingerprint('MISCUT', words),
      reason: words,
      at: isoTime(world.clock.now()),
    }
    const change = {
      set: { state: PartitionState.FAILED },
      remove: ['report'],
      append: { failures: [failure] },
    }
    const key = recordKeys.partition(run.runId, assignment.partition)
    await world.records.update(key, change, allows(partitionTable, 'miscut'))
  }
}
