/** Every five minutes: what was lost is found, and what is under way is left alone. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { jobsForgottenAfterMs } from '../../functions/reconcile.ts'
import { scheduledEvent } from '../../local/events/envelope.ts'
import { recordKeys } from '../../shared/records.ts'
import type { RecordKey } from '../../shared/table.ts'
import { RoundState, RunState } from '../../shared/vocabulary.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import type { PortCall } from '../../sim/port-calls.ts'
import { assertWell, partitionOf, runOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

/** The first Round Due is lost. */
function houseWithoutFirstDue(options: Partial<HouseOptions> = {}): MemoryHouse {
  return new MemoryHouse({
    ...options,
    pipelines: [linesPipeline({ retry: { attempts: 1 } })],
    copies: ({ step, number }) => (step === 'submit' && number === 1 ? 0 : 1),
  })
}

describe('reconcile', () => {
  test('opens the door of a round whose event was lost', async () => {
    const house = houseWithoutFirstDue()
    const runId = await house.drop('text/a.txt', linesOf(3))
    assert.equal(await house.untilEnded(1), 1)
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    await assertWell(house)
  })

  test('does not take a job for ended that Batch does not show yet', async () => {
    let died = false
    // Submitted, and dead before the run says so: by its own account the run has been quiet for long.
    const fault = ({ by, name, subject }: PortCall) => {
      if (died || by !== 'submit' || name !== 'records.update') return undefined
      died = (subject as RecordKey).sk === 'RUN'
      return died ? 'before' : undefined
    }
    const house = houseWithoutFirstDue({ visibleAfterMs: 30_000, fault, afterFault: 'lost' })
    const runId = await house.drop('text/a.txt', linesOf(3))
    await house.untilQuiet()
    house.children.slots = 0
    await house.reconcile()
    await house.moveTo(house.ports.clock.now() + 10_000)
    house.deliveries.enqueue('reconcile', scheduledEvent('reconcile', house.ports.clock.now()))
    await house.untilQuiet()
    house.children.slots = 2
    assert.ok(died)
    await house.untilEnded(2)
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    for (const partition of [0, 1, 2]) {
      assert.deepEqual((await partitionOf(house, runId, partition)).failures ?? [], [])
    }
    await assertWell(house)
  })

  test('knows a job for forgotten that a submit recorded a day before another took over from it', async () => {
    let submits = 0
    const house = new MemoryHouse({
      pipelines: [linesPipeline()],
      // The third write of a submit says that the round is RUNNING.
      fault: ({ by, name }) =>
        by === 'submit' && name === 'records.update' && ++submits === 3 ? 'before' : undefined,
      afterFault: 'lost',
      copies: ({ step }) => (step === 'track' ? 0 : 1),
    })
    const runId = await house.drop('text/a.txt', linesOf(3))
    await house.untilQuiet()
    assert.equal((await house.ports.records.get(recordKeys.round(runId, 1)))?.state, RoundState.SUBMITTING)
    for (const { jobId } of house.ports.jobs.submitted()) house.ports.jobs.forget(jobId)
    await house.moveTo(house.ports.clock.now() + jobsForgottenAfterMs)
    await house.untilEnded(3)
    const run = await runOf(house, runId)
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 1])
    await assertWell(house)
  })

  test('ends a round whose jobs Batch has forgotten, and works again only what was not done', async () => {
    const house = new MemoryHouse({
      pipelines: [linesPipeline()],
      misfortunes: [{ partition: 1, round: 1, kind: 'vanishes' }],
      copies: ({ step }) => (step === 'track' ? 0 : 1),
    })
    const runId = await house.drop('text/a.txt', linesOf(3))
    await house.untilQuiet()
    for (const { jobId } of house.ports.jobs.submitted()) house.ports.jobs.forget(jobId)
    await house.moveTo(house.ports.clock.now() + jobsForgottenAfterMs)
    await house.untilEnded(2)
    const run = await runOf(house, runId)
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 2])
    assert.deepEqual(
      house.children.attempted.filter(({ round }) => round === 2).map(({ partition }) => partition),
      [1],
    )
    const failures = (await partitionOf(house, runId, 1)).failures ?? []
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['UNKNOWN'],
    )
    await assertWell(house)
  })
})
