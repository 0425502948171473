/** A run reached a state worth words: Slack, once. */
import { isoTime } from '../shared/clock.ts'
import { isError } from '../shared/errors.ts'
import { isExpectation, parseOwnEvent } from '../shared/events.ts'
import { isOpen } from '../shared/lifecycle.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { closingRunsPk, fromItem, type RunRecord, recordKeys, runIndexes } from '../shared/records.ts'
import { runMessage } from '../shared/slack/message.ts'
import { Occasion, RunState } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { eventDoor } from './doorway/doors.ts'
import { dynamodb, s3, slack } from './doorway/reach.ts'
import { loadRun } from './steps/rounds.ts'
import { tellExpectation } from './steps/tell-expectation.ts'
import { detailsOf, notifyOf } from './steps/words.ts'

type Needs = World<'objects' | 'records' | 'chat'>

/** A notify that has not finished within this time has died; another may speak. */
export const tellLeaseMs = 5 * 60 * 1000

export const handler = eventDoor('notify', notify, { objects: s3, records: dynamodb, chat: slack })

export async function notify(world: Needs, event: unknown): Promise<void> {
  if (isExpectation(event)) return tellExpectation(world, event)
  const run = await loadRun(world, parseOwnEvent(event).runId)
  if (!run || isOpen(run.state) || run.told === toldMark(run)) return
  const rules = await notifyOf(world, run)
  const occasion = occasionOf(run)
  const worthIt = occasion !== undefined && rules.slack !== undefined && rules.on.includes(occasion)
  const claimed = worthIt ? await claim(world, run) : run
  if (!claimed) return
  const thread = worthIt ? await tell(world, claimed, rules, occasion) : run.thread
  await remember(world, claimed, occasion, thread)
}

export const toldMark = (run: RunRecord): string => `${run.state}@${run.round}`

function occasionOf(run: RunRecord): Occasion | undefined {
  if (run.state === RunState.FAILED) return Occasion.FAILED
  if (run.state === RunState.REFUSED) return Occasion.REFUSED
  if (run.state !== RunState.SUCCEEDED) return undefined
  return run.alertedAt === undefined ? Occasion.SUCCEEDED : Occasion.RECOVERED
}

/** One speaks at a time; after a crash between Slack and the record, the same words may come a second time. */
async function claim(world: Needs, run: RunRecord): Promise<RunRecord | undefined> {
  const now = world.clock.now()
  // As told as it was when it was loaded: somebody who spoke since then said these very words.
  const told = run.told === undefined ? ({ absent: true } as const) : { is: run.told }
  const still = { state: { is: run.state }, round: { is: run.round }, told }
  const outcome = await world.records.update(recordKeys.run(run.runId), { set: { tellingAt: now } }, [
    { ...still, tellingAt: { absent: true } },
    { ...still, tellingAt: { atMost: now - tellLeaseMs } },
  ])
  return outcome.ok ? fromItem<RunRecord>(outcome.item) : undefined
}

async function tell(
  world: Needs,
  run: RunRecord,
  rules: Pipeline['notify'],
  occasion: Occasion,
): Promise<NonNullable<RunRecord['thread']>> {
  const words = runMessage(run, occasion, await detailsOf(world, run), world.clock.now())
  const channel = run.thread?.channel ?? rules.slack ?? ''
  const posted = await world.chat.post({ ...words, channel }).catch(error => unclaim(world, run, error))
  world.log.info('told', { runId: run.runId, occasion, channel })
  return run.thread ?? { channel, ...posted }
}

/** Slack said no, so nothing was said: the next try need not wait for the lease. Always throws. */
async function unclaim(world: Needs, run: RunRecord, error: unknown): Promise<never> {
  if (isError(error, 'CHAT_REFUSED') || isError(error, 'THROTTLED')) {
    const mine = [{ tellingAt: { is: run.tellingAt ?? 0 } }]
    await world.records.update(recordKeys.run(run.runId), { remove: ['tellingAt'] }, mine)
  }
  throw error
}

/** Said, or not worth saying: either way the run is done. Reconcile has a last look at what jobs it had. */
async function remember(
  world: Needs,
  run: RunRecord,
  occasion: Occasion | undefined,
  thread: RunRecord['thread'],
): Promise<void> {
  const alerted = occasion === Occasion.FAILED || occasion === Occasion.REFUSED
  const hadJobs = run.round > 0
  const lasting = {
    ...(alerted ? { alertedAt: isoTime(world.clock.now()) } : {}),
    ...(thread === undefined ? {} : { thread }),
  }
  const set = {
    ...lasting,
    told: toldMark(run),
    ...(hadJobs ? { ...runIndexes(run), open: closingRunsPk } : {}),
  }
  const remove = ['tellingAt', ...(hadJobs ? [] : ['open', 'openSk'])]
  const still = [{ state: { is: run.state }, round: { is: run.round } }]
  const key = recordKeys.run(run.runId)
  if ((await world.records.update(key, { set, remove }, still)).ok) return
  // Retried while it was told: that a person was alerted, and in which thread, is what its recovery will need.
  const mine = [{ tellingAt: { is: run.tellingAt ?? 0 } }]
  await world.records.update(key, { set: lasting, remove: ['tellingAt'] }, mine)
}
