/** What several doorways do with runs and rounds. */

import { chunksOf } from '../../shared/chunks.ts'
import { isoTime } from '../../shared/clock.ts'
import type { AssignmentPage } from '../../shared/documents.ts'
import { stateKeys } from '../../shared/documents.ts'
import { after, allows, type RunHappening, roundTable, runTable } from '../../shared/lifecycle.ts'
import { moveMeasured } from '../../shared/metrics.ts'
import type { OwnEvent } from '../../shared/ports.ts'
import {
  fromItem,
  type RoundChunk,
  type RoundRecord,
  type RunRecord,
  recordKeys,
  toItem,
} from '../../shared/records.ts'
import type { Change, Guard } from '../../shared/table.ts'
import { EventType, RoundState, type RunState, Stage } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { writeOnce } from './documents.ts'

export async function loadRun(world: World<'records'>, runId: string): Promise<RunRecord | undefined> {
  const item = await world.records.get(recordKeys.run(runId))
  return item && fromItem<RunRecord>(item)
}

export async function loadRound(
  world: World<'records'>,
  runId: string,
  round: number,
): Promise<RoundRecord | undefined> {
  const item = await world.records.get(recordKeys.round(runId, round))
  return item && fromItem<RoundRecord>(item)
}

/**
 * Writes a round's assignments and its record (`chunks`: where its arrays are not as arithmetic makes them); the first write wins, so doing it again changes nothing. Pages that
 * an earlier, interrupted try left behind stay as they are: a child whose assignment is not the one counted here
 * does its work or finds it done, and what is left over is in the next round.
 *
 * @returns the round as it stands, which may be of another stage than was asked for
 */
export async function openRound(
  world: World<'objects' | 'records'>,
  runId: string,
  pages: Iterable<AssignmentPage> | AsyncIterable<AssignmentPage>,
  round: number,
  dueAt: number,
  stage: Stage = Stage.work,
  chunks?: RoundChunk[],
): Promise<RoundRecord> {
  let partitions = 0
  for await (const page of pages) {
    const key = stateKeys.assignments(runId, round, page.page)
    const staged = stage === Stage.work ? page : { ...page, stage }
    await writeOnce(world.objects, { bucket: world.config.buckets.state, key }, staged)
    partitions += page.assignments.length
  }
  const sizes = { partitions, ...(chunks === undefined ? {} : { chunks }) }
  const record: RoundRecord = { runId, round, state: RoundState.WAITING, stage, ...sizes, dueAt }
  const key = recordKeys.round(runId, round)
  const outcome = await world.records.put(toItem(key, record), [{ state: { absent: true } }])
  return outcome.ok ? record : ((await loadRound(world, runId, round)) ?? record)
}

/** Moves a run along its table. @returns the run as it now is, or `undefined` where it does not move */
export async function moveRun(
  world: World<'records'>,
  run: RunRecord,
  happening: RunHappening,
  set: NonNullable<Change['set']> = {},
): Promise<RunRecord | undefined> {
  const state = after<RunState, RunHappening>(runTable, run.state, happening)
  if (state === undefined) return undefined
  const guard: Guard = allows<RunState, RunHappening>(runTable, happening).map(clause => ({
    ...clause,
    round: { is: run.round },
    ...(happening === 'published' ? {} : { publishing: { absent: true } }),
  }))
  const change = { set: { state, updatedAt: isoTime(world.clock.now()), ...set } }
  // Why it failed is no longer why it is what it is.
  const remove = happening === 'retried' ? ['failure', 'stopping'] : []
  const outcome = await world.records.update(recordKeys.run(run.runId), { ...change, remove }, guard)
  if (!outcome.ok) return undefined
  for (const one of moveMeasured(run, happening)) world.measure?.(one)
  return fromItem<RunRecord>(outcome.item)
}

/**
 * The one decision to publish: from here on nobody can stop the run, and no other settle can end it in another way.
 * @returns the run as it then stands; `publishing` where it may be published
 */
export async function beginPublishing(
  world: World<'records'>,
  { runId, round }: RunRecord,
): Promise<RunRecord | undefined> {
  const guard: Guard = allows<RunState, RunHappening>(runTable, 'published').map(clause => ({
    ...clause,
    round: { is: round },
    stopping: { absent: true },
  }))
  const outcome = await world.records.update(recordKeys.run(runId), { set: { publishing: true } }, guard)
  return outcome.ok ? fromItem<RunRecord>(outcome.item) : loadRun(world, runId)
}

/** Tells the bus of a run's state: notify listens, and so may users' own rules. */
export async function announce(world: World<'publish'>, run: RunRecord): Promise<void> {
  const { runId, pipeline, state, round } = run
  await world.bus.publish({ type: EventType.runStateChange, detail: { runId, pipeline, state, round } })
}

export async function publishRoundDue(world: World<'publish'>, run: RunRecord): Promise<void> {
  await world.bus.publish(roundDue(run))
}

/** @param dueAt epoch ms */
export async function publishRoundDueAt(world: World<'bus'>, run: RunRecord, dueAt: number): Promise<void> {
  if (dueAt > world.clock.now()) await world.bus.publishAt(roundDue(run), dueAt)
  else await world.bus.publish(roundDue(run))
}

function roundDue({ runId, pipeline, round }: RunRecord): OwnEvent {
  return { type: EventType.roundDue, detail: { runId, pipeline, round } }
}

/** Writes down that one of a round's jobs is terminal; ends the round with its last one. */
export async function endChunk(
  world: World<'records' | 'publish'>,
  pipeline: string,
  { runId, round, chunk }: { runId: string; round: number; chunk: number },
  status: string,
): Promise<void> {
  const outcome = await world.records.update(
    recordKeys.round(runId, round),
    { set: { [`end${chunk}`]: status } },
    [{ state: { present: true } }],
  )
  if (outcome.ok) await closeRound(world, pipeline, fromItem<RoundRecord>(outcome.item))
}

/** Ends a round all of whose jobs are terminal, and opens settle's door. Repeating it is harmless. */
export async function closeRound(
  world: World<'records' | 'publish'>,
  pipeline: string,
  record: RoundRecord,
): Promise<void> {
  const { runId, round, state } = record
  const chunks = chunksOf(record).map((_, chunk) => record[`end${chunk}`])
  const submitted = state === RoundState.RUNNING || state === RoundState.ENDED
  if (!submitted || chunks.some(end => end === undefined)) return
  const change = { set: { state: RoundState.ENDED } }
  await world.records.update(recordKeys.round(runId, round), change, allows(roundTable, 'ended'))
  await world.bus.publish({ type: EventType.roundEnded, detail: { runId, pipeline, round } })
}
