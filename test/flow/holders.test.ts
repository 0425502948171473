/** Who holds what: a partition by the job that claimed it, a round by its lanes, and a retry by nothing from before. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { recordLoss } from '../../functions/steps/losses.ts'
import { retryRun } from '../../functions/steps/retry.ts'
import { cancelRun } from '../../functions/steps/stop.ts'
import type { FailureCode } from '../../shared/failure.ts'
import { fromItem, type RoundRecord, recordKeys } from '../../shared/records.ts'
import { isDoom } from '../../shared/stopping.ts'
import { PartitionState, RunState } from '../../shared/vocabulary.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell, partitionOf, runOf } from './endings.ts'
import { linesOf, linesPipeline, play } from './settings.ts'

const hostLost = { statusReason: 'Host EC2 (instance i-0) terminated.' }
const outOfMemory = { exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' }

describe('the end of a job', () => {
  for (const [whose, isHolder] of [
    ['that holds a partition', true],
    ['whose partition another job holds by now', false],
  ] as const) {
    test(`${whose} ${isHolder ? 'fails it' : 'cannot fail it'}`, async () => {
      const misfortunes: Misfortune[] = [{ partition: 1, round: 1, kind: 'lingers' }]
      const house = new MemoryHouse({ pipelines: [linesPipeline()], misfortunes })
      const runId = await house.drop('text/a.txt', linesOf(3))
      await house.untilQuiet()
      const { jobId = '' } = await partitionOf(house, runId, 1)
      const lost = { runId, partition: 1, round: 1, jobId: isHolder ? jobId : 'another:1' }
      const failure = await recordLoss(house.worldOf(person), lost, hostLost)
      const { state } = await partitionOf(house, runId, 1)
      assert.deepEqual(
        [failure?.code, state],
        isHolder ? ['SPOT_RECLAIMED', PartitionState.FAILED] : [undefined, PartitionState.RUNNING],
      )
    })
  }
})

describe('a failure', () => {
  const doomed: [FailureCode, boolean][] = [
    ['UNSCHEDULABLE', true],
    ['CANCELLED', false],
    ['SPOT_RECLAIMED', false],
  ]
  for (const [code, expected] of doomed) {
    test(`${expected ? 'dooms' : 'cannot doom'} its run by itself: ${code}`, () => {
      assert.equal(isDoom({ round: 1, fence: 1, code, fingerprint: '', reason: '', at: '' }), expected)
    })
  }
})

describe('a run whose partition runs on demand', () => {
  test('loses that job, too, when it is cancelled before Batch has named it', async () => {
    const reclaims = [1, 2, 3, 4, 5].map(jobAttempt => ({
      partition: 2,
      round: 1,
      jobAttempt,
      kind: 'reclaimed' as const,
    }))
    const struck: string[] = []
    const house = new MemoryHouse({
      pipelines: [linesPipeline()],
      misfortunes: [...reclaims, { partition: 2, round: 2, kind: 'lingers' }],
      afterFault: 'lost',
      // The job is there, and the submit that asked for it is not any more.
      fault: ({ name, by }) =>
        name === 'jobs.submit' && by === 'submit' && struck.push(name) === 2
          ? { kind: 'dies', when: 'after' }
          : undefined,
    })
    const runId = await house.drop('text/a.txt', linesOf(4))
    await house.untilQuiet()
    await cancelRun(house.worldOf(person), runId)
    const [, second] = house.ports.jobs.submitted()
    assert.equal(second?.request.queue, 'millrace-local-daily-on-demand')
    assert.equal(house.ports.jobs.children(second?.jobId ?? '')[0]?.status, 'FAILED')
    await house.untilEnded(3)
    assert.equal((await runOf(house, runId)).state, RunState.CANCELLED)
    await house.children.letIdleGo()
    await assertWell(house)
  })
})

describe('a retry by a person', () => {
  test('gives what the pipeline asks for, whatever a partition was given before', async () => {
    const killed = [1, 2, 3].map(round => ({
      partition: 2,
      round,
      kind: 'dies' as const,
      end: outOfMemory,
    }))
    const pipelines = [
      linesPipeline({ job: { memoryMiB: 1024, memoryMiBMax: 2048 }, split: { partitionBytes: 3 } }),
    ]
    const { house, runId, run } = await play(killed, { pipelines })
    assert.equal(run.state, RunState.FAILED)
    const round = async (number: number): Promise<RoundRecord> =>
      fromItem((await house.ports.records.get(recordKeys.round(runId, number))) ?? assert.fail('no round'))
    assert.equal((await round(run.round)).chunks?.[0]?.lane?.memoryMiB, 2048)
    await retryRun(house.worldOf(person), runId)
    assert.equal((await round(run.round + 1)).chunks, undefined)
    await house.untilEnded()
    await assertWell(house)
  })
})
