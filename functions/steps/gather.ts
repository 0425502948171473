/** All that settling a round looks at. */

import { chunksOf, firstChunks, pagesOfChunk } from '../../shared/chunks.ts'
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
import { begunResplits, resplitsOf } from './resplits.ts'
import { loadRound } from './rounds.ts'

export async function gatherFacts(world: World<'objects' | 'records'>, run: RunRecord): Promise<RoundFacts> {
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
  document: RunDocument,
): Promise<{ planned?: Map<number, Assignment> }> {
  const { layout, partitions } = document
  if (layout.space !== 'objects') return {}
  const chunks = firstChunks(document)
  const first = { runId, round: 1, partitions, ...(chunks && { chunks }) }
  return { planned: await assignmentsOf(world, first) }
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
export async function chunkedAssignments(
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
 * Takes back the success of partitions whose start their neighbours disproved; only ever by what tiles, and only of
 * the attempt that was looked at: by now another may have done it right.
 */
export async function markMiscut(
  world: World<'records'>,
  { run, partitions }: Pick<RoundFacts, 'run' | 'partitions'>,
  found: readonly Miscut[],
): Promise<void> {
  const fences = new Map(partitions.map(({ partition, fence }) => [partition, fence]))
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
    const fence = { is: fences.get(assignment.partition) ?? 0 }
    const guard = allows(partitionTable, 'miscut').map(clause => ({ ...clause, fence }))
    await world.records.update(key, change, guard)
  }
}
