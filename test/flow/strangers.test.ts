/** Events of others, of long ago, and of no known shape. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { track } from '../../functions/track.ts'
import type { MillraceError } from '../../shared/errors.ts'
import { recordKeys } from '../../shared/records.ts'
import { EventType, JobStatus, ownSource } from '../../shared/vocabulary.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { claim } from '../../worker/claim.ts'
import { assertWell, codesOf, partitionOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

function open(): MemoryHouse {
  return new MemoryHouse({ pipelines: [linesPipeline()] })
}

const tied = (runId: string) => ({
  source: 'aws.batch',
  'detail-type': 'Batch Job State Change',
  detail: { jobId: 'x', jobName: `${runId}_r01_c00`, status: JobStatus.FAILED },
})

describe('an event that is not for us', () => {
  test('is let pass by track: a job of another team, of an unknown run, or not yet ended', async () => {
    const house = open()
    const runId = await house.drop('text/a.txt', linesOf(1))
    await house.untilEnded()
    const before = await house.ports.records.get(recordKeys.round(runId, 1))
    const unknown = tied(`text_${'0'.repeat(24)}`)
    house.deliveries.enqueue('track', unknown)
    house.deliveries.enqueue('track', {
      ...unknown,
      detail: { ...unknown.detail, jobName: 'nightly-report' },
    })
    const running = { ...tied(runId), detail: { ...tied(runId).detail, status: JobStatus.RUNNING } }
    house.deliveries.enqueue('track', running)
    await house.untilQuiet()
    assert.deepEqual(await house.ports.records.get(recordKeys.round(runId, 1)), before)
    await assertWell(house)
  })

  test('cannot fail a partition that another job of the same round holds', async () => {
    const house = new MemoryHouse({ pipelines: [linesPipeline()], slots: 0 })
    const runId = await house.drop('text/a.txt', linesOf(1))
    await house.untilQuiet()
    const mine = { runId, round: 1, chunk: 0, index: 0, jobId: 'mine', jobAttempt: 1, memoryMiB: 1, vcpus: 1 }
    await claim({ records: house.ports.records, clock: house.ports.clock, child: mine, partition: 0 })
    const before = await partitionOf(house, runId, 0)
    const { source, ...event } = tied(runId)
    const failed = (jobId: string) => ({ source, ...event, detail: { ...event.detail, jobId } })
    await track(house.worldOf(person), failed('theirs'))
    assert.deepEqual(await partitionOf(house, runId, 0), before)
    await track(house.worldOf(person), failed('mine'))
    assert.deepEqual(await codesOf(house, runId, 0), ['UNKNOWN'])
  })

  test('is let pass by submit and settle: a round long over, or of an unknown run', async () => {
    const house = open()
    const runId = await house.drop('text/a.txt', linesOf(1))
    await house.untilEnded()
    for (const detail of [
      { runId, pipeline: 'text', round: 1 },
      { runId, pipeline: 'text', round: 7 },
      { runId: 'f'.repeat(24), pipeline: 'text', round: 1 },
      { runId, pipeline: 'text' },
    ]) {
      const envelope = { source: ownSource, detail }
      house.deliveries.enqueue('submit', { ...envelope, 'detail-type': EventType.roundDue })
      house.deliveries.enqueue('settle', { ...envelope, 'detail-type': EventType.roundEnded })
      house.deliveries.enqueue('notify', { ...envelope, 'detail-type': EventType.runStateChange })
    }
    await house.untilQuiet()
    assert.equal(house.ports.jobs.submitted().length, 1)
    assert.equal(house.ports.chat.messages.length, 1)
    await assertWell(house)
  })

  for (const step of ['partition', 'submit', 'track', 'settle', 'notify'] as const) {
    test(`is refused loudly by ${step} where it is malformed, and given up after its tries`, async () => {
      const house = open()
      house.deliveries.enqueue(step, { source: 'nobody', detail: { runId: 7 } })
      await house.untilQuiet()
      const codes = new Set(house.failures.map(({ error }) => (error as MillraceError).code))
      assert.deepEqual([...codes], ['MALFORMED'])
      assert.equal(house.deliveries.dead.length, 1)
    })
  }
})
