/** A person is told that files did not come, and that they came after all: each once, in one thread. */
import { isError } from '../../shared/errors.ts'
import { parseExpectation } from '../../shared/events.ts'
import { type ExpectationRecord, expectationKeys } from '../../shared/expectation.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { fromItem } from '../../shared/records.ts'
import { expectationMessage } from '../../shared/slack/expectation-message.ts'
import type { World } from '../../shared/world.ts'
import { loadDay } from './expectations.ts'

/** Who has not finished within this time has died; another may speak. */
const tellLeaseMs = 5 * 60 * 1000

export async function tellExpectation(world: World<'records' | 'chat'>, event: unknown): Promise<void> {
  const { pipeline: name, date } = parseExpectation(event)
  const day = await loadDay(world, name, date)
  if (!day || day.told === day.state) return
  const pipeline = world.pipelines.find(one => one.name === name)
  if (pipeline?.notify.slack === undefined) {
    world.log.warn('nobody is told of expected files: notify.slack is not set', { pipeline: name, date })
    return remember(world, day, day.thread)
  }
  const claimed = await claim(world, day)
  if (claimed) await remember(world, claimed, await tell(world, claimed, pipeline, pipeline.notify.slack))
}

/** As it was when it was loaded: neither told by somebody else since, nor of another state. */
async function claim(
  world: World<'records'>,
  day: ExpectationRecord,
): Promise<ExpectationRecord | undefined> {
  const now = world.clock.now()
  const told = day.told === undefined ? ({ absent: true } as const) : { is: day.told }
  const still = { state: { is: day.state }, told }
  const key = expectationKeys.day(day.pipeline, day.date)
  const outcome = await world.records.update(key, { set: { tellingAt: now } }, [
    { ...still, tellingAt: { absent: true } },
    { ...still, tellingAt: { atMost: now - tellLeaseMs } },
  ])
  return outcome.ok ? fromItem<ExpectationRecord>(outcome.item) : undefined
}

async function tell(
  world: World<'records' | 'chat'>,
  day: ExpectationRecord,
  pipeline: Pipeline,
  slack: string,
): Promise<NonNullable<ExpectationRecord['thread']>> {
  const channel = day.thread?.channel ?? slack
  const { bucket, prefix } = pipeline.source
  const place = bucket === undefined ? prefix : `s3://${bucket}/${prefix}`
  const words = expectationMessage(day, place, world.config.stage)
  const posted = await world.chat.post({ ...words, channel }).catch(error => unclaim(world, day, error))
  world.log.info('told', { pipeline: day.pipeline, date: day.date, expectation: day.state, channel })
  return day.thread ?? { channel, ...posted }
}

/** Slack said no, so nothing was said: the next try need not wait for the lease. Always throws. */
async function unclaim(world: World<'records'>, day: ExpectationRecord, error: unknown): Promise<never> {
  if (isError(error, 'CHAT_REFUSED') || isError(error, 'THROTTLED')) {
    const key = expectationKeys.day(day.pipeline, day.date)
    await world.records.update(key, { remove: ['tellingAt'] }, [{ tellingAt: { is: day.tellingAt ?? 0 } }])
  }
  throw error
}

/** The thread stays even where the files came while it was being opened: those words go into it. */
async function remember(
  world: World<'records'>,
  day: ExpectationRecord,
  thread: ExpectationRecord['thread'],
): Promise<void> {
  const set = { told: day.state, ...(thread === undefined ? {} : { thread }) }
  const key = expectationKeys.day(day.pipeline, day.date)
  await world.records.update(key, { set, remove: ['tellingAt'] }, [{ state: { present: true } }])
}
