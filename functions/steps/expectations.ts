/** Did the files come that a pipeline expects? Asked once a deadline, and again while they are late. */
import { epochMs } from '../../shared/clock.ts'
import {
  type Deadline,
  type Expect,
  type ExpectationRecord,
  expectationKeys,
  lastDeadline,
  type WatchRecord,
} from '../../shared/expectation.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { fromItem, toItem } from '../../shared/records.ts'
import type { Guard } from '../../shared/table.ts'
import { EventType } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { arrivals } from './arrivals.ts'

type Needs = World<'objects' | 'records' | 'publish'>

/** Past its next deadline nobody asks about a day, but a person may want to look. */
const keptSeconds = 90 * 24 * 60 * 60

/** Of every pipeline. Only the newest deadline counts: many that passed while nothing ran are told as one. */
export async function checkExpectations(world: Needs, graceMs: number): Promise<void> {
  for (const pipeline of world.pipelines) {
    try {
      if (pipeline.expect) await check(world, pipeline, pipeline.expect, graceMs)
    } catch (error) {
      world.log.error('cannot look whether files came', { pipeline: pipeline.name, error })
    }
  }
}

/** @param graceMs a file that came in time needs a moment to become a run */
async function check(world: Needs, pipeline: Pipeline, expect: Expect, graceMs: number): Promise<void> {
  const deadline = lastDeadline(expect, world.clock.now() - graceMs)
  if ((await watchedSince(world, pipeline.name, expect)) >= deadline.at) return
  const day = await loadDay(world, pipeline.name, deadline.date)
  if (day === undefined) return judge(world, pipeline, expect, deadline)
  if (day.state === 'missed') await lookAgain(world, pipeline, day)
  else if (day.told !== day.state) await publishExpectation(world, day)
}

/** Of a rule that is new, or was changed, deadlines that are over say nothing. @returns epoch ms */
async function watchedSince(world: World<'records'>, pipeline: string, expect: Expect): Promise<number> {
  const key = expectationKeys.now(pipeline)
  const rule = JSON.stringify(expect)
  const item = await world.records.get(key)
  const watch = item && fromItem<WatchRecord>(item)
  if (watch?.rule === rule) return watch.since
  const since = world.clock.now()
  await world.records.put(toItem(key, { rule, since } satisfies WatchRecord))
  return since
}

export async function loadDay(
  world: Pick<World, 'records'>,
  pipeline: string,
  date: string,
): Promise<ExpectationRecord | undefined> {
  const item = await world.records.get(expectationKeys.day(pipeline, date))
  return item && fromItem<ExpectationRecord>(item)
}

async function judge(world: Needs, pipeline: Pipeline, expect: Expect, deadline: Deadline): Promise<void> {
  const before = await loadDay(world, pipeline.name, deadline.before.date)
  // What came late for the deadline before is not what was to come for this one.
  const since = Math.max(deadline.before.at, before?.cameAt ?? 0)
  const came = await arrivals(world, pipeline, expect, { since, by: deadline.at })
  const last = came[expect.files - 1]
  const met = last !== undefined
  const lastAt = met ? epochMs(last.at) : 0
  const record: ExpectationRecord = {
    pipeline: pipeline.name,
    date: deadline.date,
    state: met ? 'met' : 'missed',
    expect,
    deadline: deadline.at,
    since,
    came: came.length,
    ...(met ? { told: 'met' } : {}),
    // Nobody looked for a while.
    ...(lastAt > deadline.at ? { cameAt: lastAt } : {}),
    expiresAt: Math.floor(world.clock.now() / 1000) + keptSeconds,
  }
  const item = toItem(expectationKeys.day(pipeline.name, deadline.date), record)
  const { ok } = await world.records.put(item, [{ state: { absent: true } }])
  if (ok && !met) await publishExpectation(world, record)
}

/** Both what came meanwhile, and whether a person still has to be told of the first. */
async function lookAgain(world: Needs, pipeline: Pipeline, day: ExpectationRecord): Promise<void> {
  const came = await arrivals(world, pipeline, day.expect, { since: day.since })
  const last = came[day.expect.files - 1]
  if (last === undefined) {
    if (day.told !== day.state) await publishExpectation(world, day)
    return
  }
  const key = expectationKeys.day(day.pipeline, day.date)
  const set = { state: 'late', came: day.expect.files, cameAt: epochMs(last.at) }
  const still: Guard = [{ state: { is: 'missed' } }]
  const outcome = await world.records.update(key, { set }, still)
  if (outcome.ok) await publishExpectation(world, fromItem<ExpectationRecord>(outcome.item))
}

/** Also for users' own rules: what they would ask of the record is in it. */
async function publishExpectation(world: World<'publish'>, day: ExpectationRecord): Promise<void> {
  const { pipeline, date, state, expect, deadline, came } = day
  const type = state === 'late' ? EventType.expectationMet : EventType.expectationMissed
  const { by, timezone, files, matching } = expect
  const rule = { by, timezone, files, ...(matching === undefined ? {} : { matching }) }
  await world.bus.publish({ type, detail: { pipeline, date, state, deadline, came, ...rule } })
}
