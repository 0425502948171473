/** SubmitJob has no client token: a round may be submitted twice, and nobody may come to harm. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RunState } from '../../shared/vocabulary.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { assertWell, partitionOf, runOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const interleavings = 60
const partitions = 5
/** So long that the first job is not seen when it is looked for. */
const visibleAfterMs = 10 * 60 * 1000

/** One try for every partition: a failure that nobody had would end the run. */
async function submittedTwice(seed: number): Promise<MemoryHouse> {
  let failed = false
  const house = new MemoryHouse({
    seed,
    pipelines: [linesPipeline({ retry: { attempts: 1 } })],
    fault: ({ name }) => {
      if (failed || name !== 'jobs.submit') return undefined
      failed = true
      return 'after'
    },
    visibleAfterMs,
    holds: ({ step }) => step === 'track',
    slots: 0,
    misfortunes: [{ partition: 2, nth: 2, kind: 'lingers' }],
  })
  const runId = await house.drop('text/a.txt', linesOf(partitions))
  await house.untilQuiet()
  await house.reconcile()
  assert.equal(house.ports.jobs.submitted().length, 2)
  await house.moveTo(house.ports.clock.now() + visibleAfterMs)
  house.children.slots = 2 * partitions
  house.deliveries.stopHolding()
  await house.untilQuiet()
  await house.reconcile()
  await house.children.letIdleGo()
  await house.untilEnded(4)
  assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
  for (let partition = 0; partition < partitions; partition++) {
    assert.deepEqual((await partitionOf(house, runId, partition)).failures ?? [], [])
  }
  return house
}

describe('a round that is submitted twice', () => {
  test('is worked to the end, and costs no partition a try', async () => {
    const faults: unknown[] = []
    for (let seed = 1; seed <= interleavings; seed++) {
      await submittedTwice(seed)
        .then(house => assertWell(house))
        .catch(cause => faults.push(new Error(`seed ${seed}`, { cause })))
    }
    assert.deepEqual(faults, [])
  })
})
