/** A run ends before its time where going on is only cost: many alike failures, one that nothing heals, no place at all. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { retryRun } from '../../functions/steps/retry.ts'
import { stuckAfterMs } from '../../functions/steps/stragglers.ts'
import { MillraceError } from '../../shared/errors.ts'
import { recordKeys } from '../../shared/records.ts'
import { JobStatus, PartitionState, RunState } from '../../shared/vocabulary.ts'
import type { Fate, Misfortune } from '../../sim/fates.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell, codesOf, partitionOf, runOf, workedIn } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const breakerPartitions = 5
const retry = { attempts: 3, backoffSeconds: 30, breakerPartitions }
const broken = (column: string): Fate => ({
  kind: 'throws',
  error: new MillraceError('WORK_FAILED', `no such column: ${column}`),
})

async function playMany(
  partitions: number,
  misfortunes: Misfortune[],
  options: Partial<HouseOptions> = {},
): Promise<{ house: MemoryHouse; runId: string }> {
  const house = new MemoryHouse({ pipelines: [linesPipeline({ retry })], misfortunes, slots: 2, ...options })
  const runId = await house.drop('text/many.txt', linesOf(partitions))
  await house.untilEnded()
  return { house, runId }
}

const inEach = (count: number, fate: Fate, round?: number): Misfortune[] =>
  Array.from({ length: count }, (_, partition) => ({
    partition,
    ...(round === undefined ? {} : { round }),
    ...fate,
  }))

describe('the breaker', () => {
  for (const [what, fate] of [
    ['say so themselves', broken('ts')],
    ['die of it', { kind: 'dies', end: { exitCode: 3 } }],
  ] as const) {
    test(`ends a run of which many partitions fail alike, where they ${what}: one alert, and the rest is not worked`, async () => {
      const { house, runId } = await playMany(40, inEach(40, fate))
      const { state, round, failure } = await runOf(house, runId)
      assert.deepEqual([state, round, failure?.code], [RunState.FAILED, 1, 'APPLICATION'])
      assert.match(failure?.words ?? '', /^\d+ partitions failed alike: the work itself failed: /)
      assert.notEqual(failure?.remedy ?? '', '')
      assert.ok(house.children.attempted.length < 20, `${house.children.attempted.length} were worked`)
      assert.equal(house.ports.chat.messages.length, 1)
      await assertWell(house)
    })
  }

  test('does not trip on fewer partitions, however often each is told of', async () => {
    const misfortunes = inEach(breakerPartitions - 1, broken('ts'), 1)
    const { house, runId } = await playMany(12, misfortunes, { copies: () => 3 })
    const { state, round } = await runOf(house, runId)
    assert.deepEqual([state, round], [RunState.SUCCEEDED, 2])
    await assertWell(house)
  })

  test('does not trip on as many that fail for different reasons', async () => {
    const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight']
    const misfortunes = words.map((word, partition) => ({
      partition,
      round: 1,
      kind: 'throws' as const,
      error: new MillraceError('WORK_FAILED', `no such column: ${word}`),
    }))
    const { house, runId } = await playMany(12, misfortunes)
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    await assertWell(house)
  })

  test('does not trip on what is no fault of the work', async () => {
    const hiccup: Fate = { kind: 'throws', error: new MillraceError('TEMPORARY_FAILURE', 'a hiccup') }
    const { house, runId } = await playMany(12, inEach(12, hiccup, 1))
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    await assertWell(house)
  })

  test('forgets what a person has forgiven, and trips again on what fails anew', async () => {
    const once = inEach(2 * breakerPartitions, broken('ts'), 1)
    const again = inEach(breakerPartitions - 1, broken('ts'), 2)
    const { house, runId } = await playMany(12, [...once, ...again])
    assert.equal((await runOf(house, runId)).state, RunState.FAILED)
    await retryRun(house.worldOf(person), runId)
    await house.untilEnded()
    const run = await runOf(house, runId)
    assert.deepEqual([run.state, run.stopping], [RunState.SUCCEEDED, undefined])
    await assertWell(house)
  })
})

describe('a failure that nothing heals', () => {
  const doom: [code: string, fate: Fate][] = [
    ['SOURCE_CHANGED', { kind: 'throws', error: new MillraceError('SOURCE_CHANGED', 'overwritten') }],
    ['BAD_INPUT', { kind: 'throws', error: new MillraceError('BAD_INPUT', 'not UTF-8') }],
    [
      'APPLICATION',
      { kind: 'throws', error: new MillraceError('WORK_FAILED', 'no table there', { final: true }) },
    ],
    [
      'UNSCHEDULABLE',
      { kind: 'never starts', end: { statusReason: 'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT' } },
    ],
  ]
  for (const [code, fate] of doom) {
    test(`ends the run at once, and the rest of its array with it: ${code}`, async () => {
      const { house, runId } = await playMany(30, [{ partition: 0, ...fate }], { slots: 1 })
      const { state, round, failure } = await runOf(house, runId)
      assert.deepEqual([state, round, failure?.code], [RunState.FAILED, 1, code])
      assert.match(failure?.words ?? '', /^partition 0: /)
      assert.ok(house.children.attempted.length < 10, `${house.children.attempted.length} were worked`)
      const untouched = await house.ports.records.get(recordKeys.partition(runId, 29))
      assert.equal(untouched, undefined, 'what nobody took up has not failed')
      await assertWell(house)
    })
  }

  test('ends the run as REFUSED where it condemns the source', async () => {
    const error = new MillraceError('BAD_INPUT', 'a bomb', { refusal: 'TOO_LARGE', remedy: 'Cut it.' })
    const { house, runId } = await playMany(30, [{ partition: 3, kind: 'throws', error }], { slots: 1 })
    const { state, failure } = await runOf(house, runId)
    assert.deepEqual(
      [state, failure],
      [RunState.REFUSED, { code: 'TOO_LARGE', words: 'a bomb', remedy: 'Cut it.' }],
    )
    assert.ok(house.children.attempted.length < 15)
    await assertWell(house)
  })

  test('costs those nothing who were at work beside it', async () => {
    const misfortunes: Misfortune[] = [
      { partition: 0, kind: 'lingers' },
      { partition: 1, round: 1, kind: 'throws', error: new MillraceError('SOURCE_CHANGED', 'overwritten') },
    ]
    const { house, runId } = await playMany(4, misfortunes)
    assert.deepEqual(await codesOf(house, runId, 0), ['CANCELLED'])
    await house.children.letIdleGo()
    await house.untilQuiet()
    assert.equal((await partitionOf(house, runId, 0)).state, PartitionState.FAILED, 'fenced off')
    await retryRun(house.worldOf(person), runId)
    await house.untilQuiet()
    await house.children.letIdleGo()
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    assert.ok(!workedIn(house, 2).includes(2) || !workedIn(house, 1).includes(2), 'what was done stays done')
    await assertWell(house)
  })
})

describe('jobs that Batch finds no place for', () => {
  async function waitFor(ms: number, options: Partial<HouseOptions>, partitions: number) {
    const house = new MemoryHouse({ pipelines: [linesPipeline()], slots: 0, ...options })
    const runId = await house.drop('text/a.txt', linesOf(partitions))
    await house.untilQuiet()
    await house.moveTo(house.ports.clock.now() + ms)
    await house.reconcile()
    return { house, runId }
  }

  for (const partitions of [1, 3]) {
    test(`end the run of ${partitions} after hours, with the setting to change`, async () => {
      const { house, runId } = await waitFor(stuckAfterMs, {}, partitions)
      await house.untilEnded()
      const { state, failure } = await runOf(house, runId)
      assert.deepEqual([state, failure?.code], [RunState.FAILED, 'UNSCHEDULABLE'])
      assert.match(failure?.words ?? '', /has waited for a place for 6 hours/)
      await assertWell(house)
    })
  }

  test('say in their own words what is missing', async () => {
    const statusReason = 'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE'
    const house = new MemoryHouse({ pipelines: [linesPipeline()], slots: 0 })
    const { describe: ask } = house.ports.jobs
    house.ports.jobs.describe = async ids =>
      (await ask.call(house.ports.jobs, ids)).map(job =>
        job.status === JobStatus.RUNNABLE ? { ...job, statusReason } : job,
      )
    const runId = await house.drop('text/a.txt', linesOf(3))
    await house.untilQuiet()
    await house.moveTo(house.ports.clock.now() + stuckAfterMs)
    await house.reconcile()
    await house.untilEnded()
    const { failure } = await runOf(house, runId)
    assert.match(failure?.words ?? '', /MISCONFIGURATION/)
    assert.match(failure?.remedy ?? '', /maxvCpus/)
  })

  test('are left alone before that', async () => {
    const { house, runId } = await waitFor(stuckAfterMs - 10 * 60 * 1000, {}, 3)
    assert.equal((await runOf(house, runId)).state, RunState.RUNNING)
    house.children.slots = 3
    await house.untilEnded()
    await assertWell(house)
  })

  test('are left alone where one has run, though all wait again', async () => {
    const misfortunes: Misfortune[] = [{ partition: 0, kind: 'reclaimed' }]
    const house = new MemoryHouse({ pipelines: [linesPipeline()], slots: 1, misfortunes })
    const runId = await house.drop('text/a.txt', linesOf(3))
    while (house.children.attempted.length === 0) await house.turn()
    house.children.slots = 0
    await house.untilQuiet()
    await house.moveTo(house.ports.clock.now() + stuckAfterMs)
    await house.reconcile()
    assert.equal((await runOf(house, runId)).state, RunState.RUNNING)
    house.children.slots = 3
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    await assertWell(house)
  })
})
