/** Only what failed is worked again, as often as it may be, and no sooner than it should. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MillraceError } from '../../shared/errors.ts'
import type { FailureCode } from '../../shared/failure.ts'
import type { OwnEvent } from '../../shared/ports.ts'
import { type RoundRecord, recordKeys } from '../../shared/records.ts'
import { ownSource, RoundState, RunState } from '../../shared/vocabulary.ts'
import type { Fate, Misfortune } from '../../sim/fates.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import type { PortCall } from '../../sim/port-calls.ts'
import { assertWell, codesOf, partitionOf, workedIn } from './endings.ts'
import { linesOf, linesPipeline, play } from './settings.ts'

const temporary = new MillraceError('TEMPORARY_FAILURE', 'the network hiccups')

describe('a partition that failed', () => {
  const recoverable: [what: string, fate: Fate, code: FailureCode][] = [
    ['said so itself', { kind: 'throws', error: temporary }, 'TEMPORARY'],
    ['failed in the work', { kind: 'throws', error: new MillraceError('WORK_FAILED', 'x') }, 'APPLICATION'],
    [
      'could not be started',
      {
        kind: 'never starts',
        end: { statusReason: 'Task failed to start', reason: 'CannotPullContainerError: x' },
      },
      'INFRASTRUCTURE',
    ],
    ['lost its machine for good', { kind: 'zombie', again: false }, 'SPOT_RECLAIMED'],
    ['said nothing at all', { kind: 'vanishes' }, 'UNKNOWN'],
  ]
  for (const [what, fate, code] of recoverable) {
    test(`because it ${what} is worked again, alone, and its code is ${code}`, async () => {
      const { house, runId, run } = await play([{ partition: 2, round: 1, ...fate }])
      assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 2])
      assert.deepEqual(workedIn(house, 2), [2])
      assert.deepEqual(await codesOf(house, runId, 2), [code])
      await house.children.letIdleGo()
      await house.untilQuiet()
      await assertWell(house)
    })
  }

  test('cannot end its round while others of it are at work', async () => {
    const misfortunes: Misfortune[] = [
      { partition: 0, round: 1, kind: 'dies', end: { exitCode: 1 } },
      { partition: 1, round: 1, kind: 'lingers' },
    ]
    const house = new MemoryHouse({ pipelines: [linesPipeline()], misfortunes })
    const runId = await house.drop('text/a.txt', linesOf(3))
    await house.untilQuiet()
    await house.reconcile()
    assert.equal((await house.ports.records.get(recordKeys.round(runId, 1)))?.state, RoundState.RUNNING)
    await house.children.letIdleGo()
    await house.untilEnded()
    assert.deepEqual(workedIn(house, 2), [0])
    await assertWell(house)
  })

  test('in an array of one is worked again as a plain job', async () => {
    const { house, run } = await play([{ partition: 0, round: 1, kind: 'throws', error: temporary }])
    assert.equal(run.state, RunState.SUCCEEDED)
    assert.deepEqual(
      house.ports.jobs.submitted().map(({ request }) => request.size),
      [4, 1],
    )
    await assertWell(house)
  })

  test('is not submitted again before its wait is over, even if its event comes at once', async () => {
    const early: PortCall[] = []
    const house: MemoryHouse = new MemoryHouse({
      pipelines: [linesPipeline()],
      misfortunes: [{ partition: 1, round: 1, kind: 'throws', error: temporary }],
      fault: call => {
        if (call.name !== 'bus.publishAt' || early.push(call) > 1) return undefined
        const { type, detail } = call.subject as OwnEvent
        house.deliveries.enqueue('submit', { source: ownSource, 'detail-type': type, detail })
        return undefined
      },
    })
    const before = house.ports.clock.now()
    const runId = await house.drop('text/a.txt', linesOf(2))
    await house.untilEnded()
    assert.ok(early.length > 1, 'whoever comes early asks for another call')
    const item = await house.ports.records.get(recordKeys.round(runId, 2))
    const { dueAt = 0, claimedAt = 0 } = (item ?? {}) as Partial<RoundRecord>
    assert.ok(dueAt >= before + 15_000 && dueAt <= before + 30_000)
    assert.ok(claimedAt >= dueAt)
    await assertWell(house)
  })

  test('is found by its place among the failed, where only Batch knows that it failed again', async () => {
    const end = { exitCode: 75 }
    const died = (partition: number, round: number): Misfortune => ({ partition, round, kind: 'dies', end })
    const { house, runId, run } = await play([died(1, 1), died(3, 1), died(3, 2)])
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 3])
    const { failures = [] } = await partitionOf(house, runId, 3)
    const jobs = house.ports.jobs.submitted().map(({ jobId }) => jobId)
    assert.deepEqual(
      failures.map(({ code, jobId }) => [code, jobId]),
      [
        ['TEMPORARY', `${jobs[0]}:3`],
        ['TEMPORARY', `${jobs[1]}:1`],
      ],
    )
    assert.deepEqual(await codesOf(house, runId, 1), ['TEMPORARY'])
    await assertWell(house)
  })

  test('may not fail more often than the pipeline allows', async () => {
    const pipelines = [linesPipeline({ retry: { attempts: 2 } })]
    const always: Misfortune = {
      partition: 3,
      kind: 'throws',
      error: new MillraceError('WORK_FAILED', 'no such column'),
    }
    const { house, runId, run } = await play([always], { pipelines })
    assert.deepEqual([run.state, run.round, run.failure?.code], [RunState.FAILED, 3, 'APPLICATION'])
    assert.match(run.failure?.words ?? '', /partition 3: the work itself failed: no such column/)
    assert.match(run.failure?.remedy ?? '', /correct the pipeline/)
    assert.equal(house.ports.chat.messages.length, 1)
    // Twice as it may, and once more with care, to find the record that does it.
    assert.deepEqual(await codesOf(house, runId, 3), ['APPLICATION', 'APPLICATION', 'APPLICATION'])
    await assertWell(house)
  })

  test('is never worked again where its input is bad', async () => {
    const bad: Misfortune = {
      partition: 1,
      kind: 'throws',
      error: new MillraceError('BAD_INPUT', 'not UTF-8'),
    }
    const { house, run } = await play([bad])
    assert.deepEqual([run.state, run.round, run.failure?.code], [RunState.FAILED, 1, 'BAD_INPUT'])
    await assertWell(house)
  })

  test('costs no try where Spot took its machine, as often as Batch starts it again', async () => {
    const pipelines = [linesPipeline({ retry: { attempts: 1 } })]
    const reclaims = [1, 2, 3, 4].map(jobAttempt => ({
      partition: 2,
      jobAttempt,
      kind: 'reclaimed' as const,
    }))
    const { house, run } = await play(reclaims, { pipelines })
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 1])
    const certified = house.ports.certificates[0]?.partitions[2]
    assert.equal(certified?.attempt, 5)
    assert.deepEqual(
      certified?.failures.map(({ code }) => code),
      Array.from({ length: 4 }, () => 'SPOT_RECLAIMED'),
    )
    await assertWell(house)
  })

  test('costs no try either where Batch gave it up after five reclaims', async () => {
    const pipelines = [linesPipeline({ retry: { attempts: 1 } })]
    const reclaims = [1, 2, 3, 4, 5].map(jobAttempt => ({
      partition: 2,
      round: 1,
      jobAttempt,
      kind: 'reclaimed' as const,
    }))
    const { house, run } = await play(reclaims, { pipelines })
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 2])
    assert.deepEqual(workedIn(house, 2), [2])
    await assertWell(house)
  })

  test('ends its run after a bounded number of rounds, whatever it costs or not', async () => {
    const lost: Misfortune = {
      partition: 0,
      kind: 'dies',
      end: { statusReason: 'Host EC2 (instance i-0) terminated.' },
    }
    const { house, run } = await play([lost])
    assert.deepEqual([run.state, run.round, run.failure?.code], [RunState.FAILED, 60, 'ROUNDS_EXHAUSTED'])
    await assertWell(house)
  })
})
