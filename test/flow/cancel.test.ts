/** A person ends a run, whatever it is about; what is done stays done. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { retryRun } from '../../functions/steps/retry.ts'
import { cancelRun } from '../../functions/steps/stop.ts'
import { isoTime } from '../../shared/clock.ts'
import { MillraceError } from '../../shared/errors.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell, runOf, workedIn } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const partitions = 6
const seeds = 40
const hiccup = new MillraceError('TEMPORARY_FAILURE', 'a hiccup')

/** Cancelled as it is then; and retried after that. */
const moments: [state: RunState, what: string, options: Partial<HouseOptions>][] = [
  [RunState.PLANNED, 'before it is submitted', { holds: ({ step }) => step === 'submit' }],
  [RunState.RUNNING, 'before any of it runs', { slots: 0 }],
  [RunState.RUNNING, 'while it is worked', { misfortunes: [{ partition: 2, round: 1, kind: 'lingers' }] }],
  [
    RunState.WAITING,
    'while it waits for its next round',
    { misfortunes: [{ partition: 2, round: 1, kind: 'throws', error: hiccup }] },
  ],
]

async function playUntil(state: RunState, options: Partial<HouseOptions>): Promise<Played> {
  const house = new MemoryHouse({ pipelines: [linesPipeline()], ...options })
  const runId = await house.drop('text/a.txt', linesOf(partitions))
  while (await house.turn());
  assert.equal((await runOf(house, runId)).state, state)
  return { house, runId }
}

interface Played {
  house: MemoryHouse
  runId: string
}

describe('a run', () => {
  for (const [state, what, options] of moments) {
    test(`that is cancelled ${what} is CANCELLED, and a retry works the rest`, async () => {
      const { house, runId } = await playUntil(state, options)
      const done = house.children.attempted.length
      const before = house.ports.clock.now()
      await cancelRun(house.worldOf(person), runId, 'the wrong file, says Ada')
      house.deliveries.stopHolding()
      await house.untilEnded()
      const run = await runOf(house, runId)
      assert.deepEqual([run.state, run.failure?.words], [RunState.CANCELLED, 'the wrong file, says Ada'])
      assert.equal(house.children.attempted.length, done, 'nothing is begun any more')
      assert.equal(run.updatedAt, isoTime(before), 'at once')
      assert.deepEqual(house.ports.chat.messages, [], 'who did it knows')
      await assertWell(house)
      house.children.slots = 4
      await retryRun(house.worldOf(person), runId)
      await house.children.letIdleGo()
      await house.untilEnded()
      const retried = await runOf(house, runId)
      assert.equal(retried.state, RunState.SUCCEEDED)
      if (done === partitions) assert.deepEqual(workedIn(house, retried.round), [2])
      await assertWell(house)
    })
  }

  test('that is cancelled while it is being submitted loses the job that it has just got', async () => {
    let asked: Promise<unknown> | undefined
    const house: MemoryHouse = new MemoryHouse({
      pipelines: [linesPipeline()],
      slots: 0,
      visibleAfterMs: 60 * 60 * 1000,
      fault: ({ name }) => {
        if (name === 'jobs.submit') asked ??= cancelRun(house.worldOf(person), runId)
        return undefined
      },
    })
    const runId = await house.drop('text/a.txt', linesOf(partitions))
    await house.untilEnded()
    await asked
    assert.equal((await runOf(house, runId)).state, RunState.CANCELLED)
    assert.equal(house.ports.jobs.submitted().length, 1)
    await assertWell(house)
  })

  test('cannot be cancelled once it has ended', async () => {
    const house = new MemoryHouse({ pipelines: [linesPipeline()] })
    const runId = await house.drop('text/a.txt', linesOf(2))
    await house.untilEnded()
    const refused = { code: 'NOT_ALLOWED', message: /SUCCEEDED.*only a run that is open/ }
    await assert.rejects(cancelRun(house.worldOf(person), runId), refused)
    await assert.rejects(cancelRun(house.worldOf(person), 'nobody'), { code: 'NOT_FOUND' })
    await assertWell(house)
  })

  test('that is cancelled twice keeps the first reason', async () => {
    const { house, runId } = await playUntil(RunState.RUNNING, { slots: 0 })
    for (const reason of ['first', 'second']) await cancelRun(house.worldOf(person), runId, reason)
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).failure?.words, 'first')
    await assertWell(house)
  })

  test('that is cancelled anywhere on its way ends, CANCELLED or as it would have', async () => {
    const ends = new Set<RunState>()
    for (let seed = 1; seed <= seeds; seed++) ends.add(await cancelledAnywhere(seed))
    assert.deepEqual(ends, new Set([RunState.CANCELLED, RunState.SUCCEEDED]))
  })
})

async function cancelledAnywhere(seed: number): Promise<RunState> {
  const house = new MemoryHouse({
    seed,
    pipelines: [linesPipeline()],
    misfortunes: [{ partition: 2, round: 1, kind: 'throws', error: hiccup }],
    copies: () => 1 + (seed % 2),
  })
  const runId = await house.drop('text/a.txt', linesOf(partitions))
  for (let turns = 0; turns < 4 * seed; turns++) if (!(await house.turn())) break
  const asked = cancelRun(house.worldOf('cancel'), runId).catch(assertNotYet)
  await house.untilEnded(2)
  await asked
  await assertWell(house)
  return (await runOf(house, runId)).state
}

/** Not registered yet, or over already. */
function assertNotYet(error: unknown): void {
  const code = error instanceof MillraceError ? error.code : ''
  assert.ok(['NOT_FOUND', 'NOT_ALLOWED'].includes(code), String(error))
}

describe('a run that is being cancelled', () => {
  for (const [state, what, options] of moments) {
    test(`${what} ends where any one call from then on fails, and its event is lost`, async () => {
      const whole = await cancelledHit(state, options, -1, 'before')
      for (let at = 0; at < whole.calls; at++) {
        await cancelledHit(state, options, at, (at + what.length) % 2 === 0 ? 'before' : 'after')
      }
      assert.ok(whole.calls > 10)
    })
  }
})

async function cancelledHit(
  state: RunState,
  options: Partial<HouseOptions>,
  at: number,
  when: 'before' | 'after',
): Promise<{ calls: number }> {
  let calls = Number.NEGATIVE_INFINITY
  const fault = () => (calls++ === at ? when : undefined)
  const { house, runId } = await playUntil(state, { ...options, fault, afterFault: 'lost' })
  calls = 0
  const world = house.worldOf('cancel')
  // Once the wish is written down, nobody need ask again.
  const again = async () => ((await runOf(house, runId)).stopping ? undefined : cancelRun(world, runId))
  const asked = cancelRun(world, runId).catch(again)
  while (await house.turn());
  await asked
  house.deliveries.stopHolding()
  await house.untilEnded(5)
  const made = calls
  try {
    assert.equal((await runOf(house, runId)).state, RunState.CANCELLED)
    await assertWell(house)
  } catch (cause) {
    throw new Error(`call ${at}, ${when}`, { cause })
  }
  return { calls: made }
}
