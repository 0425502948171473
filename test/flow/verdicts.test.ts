/** A round ended: what is proven is published, what is doubtful is not, and a person has the last word. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { retryRun } from '../../functions/steps/retry.ts'
import { MillraceError } from '../../shared/errors.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell, codesOf, partitionOf, runOf, workedIn } from './endings.ts'
import { linesOf, linesPipeline, play } from './settings.ts'

const temporary = new MillraceError('TEMPORARY_FAILURE', 'the network hiccups')

describe('a guess of a start that was wrong', () => {
  test("is worked again with its neighbour's end as start, and nobody else is", async () => {
    const { house, runId, run } = await play([
      { partition: 2, round: 1, kind: 'starts wrong', bytesLater: 3 },
    ])
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 2])
    assert.deepEqual(workedIn(house, 2), [2])
    assert.deepEqual(await codesOf(house, runId, 2), ['MISCUT'])
    assert.equal(house.ports.clock.now(), Date.UTC(2026, 0, 31, 12), 'without a wait')
    await assertWell(house)
  })

  test('costs no try, and never leads to a publication while it lasts', async () => {
    const pipelines = [linesPipeline({ retry: { attempts: 1 } })]
    const { house, run } = await play([{ partition: 1, kind: 'starts wrong', bytesLater: 3 }], { pipelines })
    assert.deepEqual([run.state, run.failure?.code], [RunState.FAILED, 'ROUNDS_EXHAUSTED'])
    assert.equal(house.ports.certificates.length, 0)
    await assertWell(house)
  })
})

describe('rejected records', () => {
  const rejects: Misfortune[] = [0, 3].map(partition => ({ partition, kind: 'rejects', records: 1 }))

  test('are published beside the rest where the pipeline tolerates so many', async () => {
    const { house, run } = await play(rejects, {
      pipelines: [linesPipeline({ tolerate: { rejectedRecords: 2 } })],
    })
    assert.equal(run.state, RunState.SUCCEEDED)
    assert.deepEqual(run.totals, { recordsRead: 4, recordsWritten: 2, recordsRejected: 2 })
    await assertWell(house)
  })

  test('end the run where they are more, though no one partition has too many', async () => {
    const { house, run } = await play(rejects, {
      pipelines: [linesPipeline({ tolerate: { rejectedRecords: 1 } })],
    })
    assert.deepEqual([run.state, run.failure?.code], [RunState.FAILED, 'BAD_INPUT'])
    assert.match(run.failure?.words ?? '', /2 records were rejected, 1 are tolerated/)
    await assertWell(house)
  })
})

describe('a zombie', () => {
  for (const again of [true, false]) {
    test(`whose machine Batch believes lost${again ? ', and which is started again,' : ''} can neither finish nor publish`, async () => {
      const zombie: Misfortune = { partition: 1, round: 1, kind: 'zombie', again }
      const { house, runId, run } = await play([zombie])
      assert.equal(run.state, RunState.SUCCEEDED)
      const before = await partitionOf(house, runId, 1)
      await house.children.letIdleGo()
      await house.untilQuiet()
      assert.deepEqual(await partitionOf(house, runId, 1), before)
      assert.equal(before.fence, 2)
      await assertWell(house)
    })
  }

  test('that finishes before anybody claims its partition again has finished', async () => {
    const house = new MemoryHouse({
      pipelines: [linesPipeline()],
      misfortunes: [{ partition: 1, round: 1, kind: 'zombie', again: false }],
      holds: ({ step }) => step === 'track',
    })
    const runId = await house.drop('text/a.txt', linesOf(4))
    await house.untilQuiet()
    await house.children.letIdleGo()
    await house.untilQuiet()
    house.deliveries.stopHolding()
    await house.untilEnded()
    const run = await runOf(house, runId)
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 1])
    await assertWell(house)
  })
})

describe('a run that a person retries', () => {
  test('works only what is not done, forgives the past, and tells of its recovery in the same thread', async () => {
    const pipelines = [linesPipeline({ retry: { attempts: 1 } })]
    const { house, runId, run } = await play([{ partition: 3, round: 1, kind: 'throws', error: temporary }], {
      pipelines,
    })
    assert.equal(run.state, RunState.FAILED)
    await retryRun(house.worldOf(person), runId)
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    assert.deepEqual(workedIn(house, 2), [3])
    const [failed, recovered] = house.ports.chat.messages
    assert.match(failed?.text ?? '', /run failed/)
    assert.match(recovered?.text ?? '', /succeeded after all/)
    assert.equal(recovered?.threadTs, failed?.ts)
    await assertWell(house)
  })

  test('cannot be retried while it is open, nor once it SUCCEEDED', async () => {
    const house = new MemoryHouse({ pipelines: [linesPipeline()], slots: 0 })
    const runId = await house.drop('text/a.txt', linesOf(2))
    await house.untilQuiet()
    await assert.rejects(retryRun(house.worldOf(person), runId), { code: 'NOT_ALLOWED' })
    house.children.slots = 2
    await house.untilEnded()
    await assert.rejects(retryRun(house.worldOf(person), runId), { code: 'NOT_ALLOWED' })
    await assertWell(house)
  })
})
