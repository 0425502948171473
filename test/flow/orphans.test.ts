/** No job outlives its run, none works beside the one that counts, and no output stays that nobody names. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { retryRun } from '../../functions/steps/retry.ts'
import { submitLeaseMs } from '../../functions/submit.ts'
import { MillraceError } from '../../shared/errors.ts'
import { failureRules, supersededReason } from '../../shared/failure.ts'
import { hasEnded } from '../../shared/memory/submitted-job.ts'
import { closingRunsPk, recordKeys, toItem } from '../../shared/records.ts'
import { JobStatus, PartitionState, RunState } from '../../shared/vocabulary.ts'
import type { Delivery } from '../../sim/deliveries.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell, codesOf, partitionOf, runOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const partitions = 5
const seeds = 50
/** Longer than a submit's lease. */
const visibleAfterMs = 4 * 60 * 1000

const statusesOf = (house: MemoryHouse, jobId: string): JobStatus[] =>
  house.ports.jobs.children(jobId).map(({ status }) => status)

const isAlive = (house: MemoryHouse, jobId: string): boolean =>
  statusesOf(house, jobId).some(status => !hasEnded(status))

const endings = (house: MemoryHouse) => house.calls.filter(({ name }) => name === 'jobs.terminate')

/** The first SubmitJob is not answered, and Batch does not show its job until it is too late. */
async function playTwice(options: Partial<HouseOptions>): Promise<{ house: MemoryHouse; runId: string }> {
  let failed = false
  const house = new MemoryHouse({
    pipelines: [linesPipeline({ retry: { attempts: 1 } })],
    fault: ({ name }) => {
      if (failed || name !== 'jobs.submit') return undefined
      failed = true
      return 'after'
    },
    slots: 0,
    ...options,
  })
  const runId = await house.drop('text/a.txt', linesOf(partitions))
  await house.untilQuiet()
  assert.equal(house.ports.jobs.submitted().length, 2)
  return { house, runId }
}

/** Whatever befell it cost it no try. */
async function assertFree(house: MemoryHouse, runId: string): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    const { failures = [] } = await partitionOf(house, runId, partition)
    assert.deepEqual(
      failures.filter(({ code }) => failureRules[code].costsAttempt),
      [],
    )
  }
}

describe('a job that nobody recorded', () => {
  const lingering: Misfortune = { partition: 2, round: 1, nth: 1, kind: 'lingers' }

  test('is ended as soon as one of its children fails', async () => {
    const misfortunes: Misfortune[] = [
      { partition: 0, nth: 1, kind: 'zombie', again: false },
      { ...lingering, partition: 1 },
    ]
    const { house, runId } = await playTwice({ visibleAfterMs, misfortunes })
    const [stray = ''] = house.ports.jobs.submitted().map(({ jobId }) => jobId)
    house.children.slots = 2
    while (endings(house).length === 0 && (await house.turn()));
    assert.deepEqual(endings(house)[0]?.subject, stray)
    assert.ok(!isAlive(house, stray))
    house.children.slots = 4
    await house.children.letIdleGo()
    await house.untilEnded(2)
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    await assertFree(house, runId)
    await assertWell(house)
  })

  test('is ended before the run is, where Batch shows it', async () => {
    const { house, runId } = await playTwice({ visibleAfterMs, misfortunes: [lingering] })
    const [stray = ''] = house.ports.jobs.submitted().map(({ jobId }) => jobId)
    await house.moveTo(house.ports.clock.now() + visibleAfterMs)
    house.children.slots = 8
    await house.untilQuiet()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    assert.equal(statusesOf(house, stray)[2], JobStatus.FAILED)
    assert.deepEqual(endings(house).map(({ by, options }) => [by, options])[0], ['settle', supersededReason])
    await house.children.letIdleGo()
    await assertWell(house)
  })

  test('is ended after the run, where Batch shows it no sooner: it has a last look', async () => {
    const { house, runId } = await playTwice({ visibleAfterMs, misfortunes: [lingering] })
    const [stray = ''] = house.ports.jobs.submitted().map(({ jobId }) => jobId)
    house.children.slots = 8
    await house.untilQuiet()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    assert.ok(isAlive(house, stray), 'nobody could see it')
    await house.moveTo(house.ports.clock.now() + visibleAfterMs)
    await house.reconcile()
    assert.ok(!isAlive(house, stray))
    assert.equal((await closing(house)).length, 1, 'looks once more')
    await house.reconcile()
    assert.deepEqual(await closing(house), [])
    await house.children.letIdleGo()
    await assertWell(house)
  })
})

describe('a partition that a superseded job held to its end', () => {
  test('has lost no try, though nobody heard of that end', async () => {
    const heard = ({ step, event }: Delivery): number => {
      const { detail } = event as { detail: { arrayProperties?: { index?: number } } }
      return step === 'track' && detail.arrayProperties?.index !== undefined ? 0 : 1
    }
    const { house, runId } = await playTwice({ copies: heard, visibleAfterMs })
    const { jobs, records } = house.ports
    const [stray = '', own = ''] = jobs.submitted().map(({ jobId }) => jobId)
    const held = {
      state: PartitionState.RUNNING,
      runId,
      partition: 2,
      round: 1,
      fence: 1,
      jobId: `${stray}:2`,
    }
    await records.put(toItem(recordKeys.partition(runId, 2), held))
    jobs.start(`${stray}:2`)
    await jobs.terminate(stray, supersededReason)
    for (let index = 0; index < partitions; index++)
      jobs.end(`${own}:${index}`, { status: JobStatus.SUCCEEDED })
    await house.moveTo(house.ports.clock.now() + visibleAfterMs)
    await house.untilQuiet()
    assert.deepEqual(await codesOf(house, runId, 2), ['SUPERSEDED'])
    assert.deepEqual(await codesOf(house, runId, 1), ['UNKNOWN'])
  })
})

async function closing(house: MemoryHouse): Promise<unknown[]> {
  return (await house.ports.records.query({ index: 'open', pk: closingRunsPk })).items
}

describe('a run that has ended and was told of', () => {
  test('has no last look while Batch may not yet show its jobs', async () => {
    const house = new MemoryHouse({ pipelines: [linesPipeline()] })
    await house.drop('text/a.txt', linesOf(2))
    await house.untilQuiet()
    assert.equal((await closing(house)).length, 1)
    house.deliveries.enqueue('reconcile', {})
    await house.untilQuiet()
    assert.equal((await closing(house)).length, 1)
    await house.reconcile()
    assert.deepEqual(await closing(house), [])
  })

  test('needs none where it never had a job', async () => {
    const house = new MemoryHouse({
      pipelines: [{ ...linesPipeline(), source: { prefix: 'text/', format: 'csv' } }],
    })
    await house.drop('text/a.txt', 'a,a\n1,2\n')
    await house.untilQuiet()
    assert.deepEqual(await closing(house), [])
    await assertWell(house)
  })
})

describe('a submit that was believed dead', () => {
  test('ends the job it has just submitted, where another has taken over', async () => {
    let overtaken = 0
    for (let seed = 1; seed <= seeds; seed++) {
      let slow = false
      const house: MemoryHouse = new MemoryHouse({
        seed,
        pipelines: [linesPipeline({ retry: { attempts: 1 } })],
        copies: ({ step }) => (step === 'submit' ? 3 : 1),
        visibleAfterMs: 60 * 60 * 1000,
        slots: 0,
        // Once, in the middle of it: the next claim may come before this one's next call.
        dawdles: () => {
          const submits = house.calls.filter(({ by }) => by === 'submit').length
          if (slow || submits < 4 + (seed % 12)) return 0
          slow = true
          return submitLeaseMs + 1
        },
      })
      const runId = await house.drop('text/a.txt', linesOf(partitions))
      await house.untilQuiet()
      const jobs = house.ports.jobs.submitted().map(({ jobId }) => jobId)
      const alive = jobs.filter(jobId => isAlive(house, jobId))
      assert.equal(alive.length, 1, `seed ${seed}: of ${jobs.length} jobs`)
      overtaken += endings(house).filter(({ by }) => by === 'submit').length
      house.children.slots = 4
      await house.untilEnded(2)
      assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
      await assertFree(house, runId)
      await assertWell(house, 3)
    }
    assert.ok(overtaken > 0)
  })
})

describe('outputs of a run that failed', () => {
  test('stay where a record names them, and go where none does', async () => {
    const misfortunes: Misfortune[] = [
      // Its first output is written when its machine goes.
      { partition: 0, round: 1, kind: 'reclaimed' },
      { partition: 1, round: 1, kind: 'zombie', again: true },
      { partition: 3, round: 1, kind: 'throws', error: new MillraceError('SOURCE_CHANGED', 'overwritten') },
    ]
    const house = new MemoryHouse({ pipelines: [linesPipeline()], misfortunes, slots: 1 })
    const runId = await house.drop('text/a.txt', linesOf(4))
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.FAILED)
    assert.ok(house.calls.some(({ name }) => name === 'objects.remove'))
    await assertWell(house)
    await house.children.letIdleGo()
    await retryRun(house.worldOf(person), runId)
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    await assertWell(house)
  })
})
