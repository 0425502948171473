/** A run that is split, worked and merged, cancelled wherever a settle has died, and then retried. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { retryRun } from '../../functions/steps/retry.ts'
import { cancelRun } from '../../functions/steps/stop.ts'
import { can } from '../../shared/lifecycle.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell, runOf } from './endings.ts'
import { arrayOf, arrayPipeline, merged } from './settings.ts'

const pipelines = [merged(arrayPipeline)]

/** @returns the state in which it was cancelled */
async function cancelledAt(at: number, when: 'before' | 'after'): Promise<RunState> {
  const fault = (_: unknown, number: number) => (number === at ? when : undefined)
  const house = new MemoryHouse({ pipelines, fault, afterFault: 'lost' })
  const runId = await house.drop('array/a.json', arrayOf(2))
  await house.untilQuiet()
  const { state, publishing } = await runOf(house, runId)
  const open = can.cancel(state) === true && !publishing
  if (open) await cancelRun(house.worldOf(person), runId)
  await house.untilEnded(3)
  const ended = await runOf(house, runId)
  assert.equal(ended.state, open ? RunState.CANCELLED : RunState.SUCCEEDED)
  if (open) await retryRun(house.worldOf(person), runId)
  await house.untilEnded(3)
  const again = await runOf(house, runId)
  assert.deepEqual([again.state, again.partitions], [RunState.SUCCEEDED, 3], `${when} call ${at}`)
  await assertWell(house)
  return state
}

describe('a run of three stages, cancelled where a settle has died', () => {
  for (const when of ['before', 'after'] as const) {
    test(`goes on from there by a retry, where the call failed ${when} it took effect`, async () => {
      const whole = new MemoryHouse({ pipelines })
      await whole.drop('array/a.json', arrayOf(2))
      await whole.untilEnded()
      const states = new Set<RunState>()
      for (const [at, { by }] of whole.calls.entries()) {
        if (by === 'settle') states.add(await cancelledAt(at, when))
      }
      assert.ok(states.has(RunState.RUNNING))
    })
  }
})
