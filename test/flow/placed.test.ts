/** Where the jobs of a round go, while deployments come and go. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { retryRun } from '../../functions/steps/retry.ts'
import { refusedPatienceMs } from '../../functions/submit.ts'
import { type PipelineInput, parsePipeline } from '../../shared/pipeline.ts'
import { fromItem, type RoundRecord, recordKeys } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell, runOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const deploy = (house: MemoryHouse, ...pipelines: PipelineInput[]): void =>
  void Object.assign(house, { pipelines: pipelines.map(one => parsePipeline(one, one.name)) })
const queuesOf = (house: MemoryHouse): string[] =>
  house.ports.jobs.submitted().map(({ request }) => request.queue)
const moved = linesPipeline({ job: { queue: 'critical', architecture: 'arm64' } })

/** Has the other queues made, and listened to, from the start. */
const neighbour: PipelineInput = { ...moved, name: 'other', source: { prefix: 'other/', format: 'lines' } }

async function placeOf(house: MemoryHouse, runId: string, round: number) {
  const item = await house.ports.records.get(recordKeys.round(runId, round))
  return item && fromItem<RoundRecord>(item).place
}

describe('a deployment that moves a pipeline to other queues', () => {
  test('sends the next round there, and not the one that has begun', async () => {
    const house = new MemoryHouse({
      pipelines: [linesPipeline(), neighbour],
      misfortunes: [{ partition: 1, round: 1, kind: 'dies', end: { exitCode: 3 } }],
      fault: ({ name }, at) => {
        if (name === 'jobs.submit' && at > 0) deploy(house, moved)
        return undefined
      },
    })
    const runId = await house.drop('text/a.txt', linesOf(4))
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    assert.deepEqual(queuesOf(house), ['millrace-local-daily', 'millrace-local-arm64-critical'])
    assert.equal((await placeOf(house, runId, 1))?.queue, 'millrace-local-daily')
    await assertWell(house)
  })

  test('does not hide a job that an interrupted submit has left in the old queue', async () => {
    let failed = false
    const house = new MemoryHouse({
      pipelines: [linesPipeline()],
      fault: ({ name }) => {
        if (failed || name !== 'jobs.submit') return undefined
        failed = true
        deploy(house, moved)
        return 'after'
      },
    })
    const runId = await house.drop('text/a.txt', linesOf(4))
    await house.untilEnded(2)
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    assert.deepEqual(queuesOf(house), ['millrace-local-daily'])
    await assertWell(house)
  })
})

const refused = { kind: 'fails', when: 'before', code: 'REQUEST_REFUSED' } as const

async function refusedFor(ms: number, options: Partial<HouseOptions> = {}) {
  const house: MemoryHouse = new MemoryHouse({
    pipelines: [linesPipeline(), neighbour],
    fault: ({ name }) =>
      name === 'jobs.submit' && house.ports.clock.now() < startedAt + ms ? refused : undefined,
    ...options,
  })
  const startedAt = house.ports.clock.now()
  const runId = await house.drop('text/a.txt', linesOf(2))
  await house.untilEnded(8)
  return { house, runId, run: await runOf(house, runId) }
}

describe('a job that Batch will not take', () => {
  test('ends the run as FAILED with a remedy, though its pipeline is no longer deployed', async () => {
    const { house, run } = await refusedFor(Infinity)
    assert.deepEqual([run.state, run.failure?.code], [RunState.FAILED, 'UNSCHEDULABLE'])
    assert.match(run.failure?.words ?? '', /^Batch does not take the jobs: /)
    assert.match(run.failure?.remedy ?? '', /deployed/)
    assert.equal(house.ports.chat.messages.length, 1, 'a person is told once')
    await assertWell(house)
  })

  test('may become one that it takes, while a deployment is under way', async () => {
    const { house, run } = await refusedFor(refusedPatienceMs / 2)
    assert.equal(run.state, RunState.SUCCEEDED)
    await assertWell(house)
  })

  test('is taken in a retry, once what it needs is deployed again', async () => {
    let isDeployed = false
    const { house, runId } = await refusedFor(0, {
      fault: ({ name }) => (name === 'jobs.submit' && !isDeployed ? refused : undefined),
    })
    isDeployed = true
    deploy(house, moved)
    await retryRun(house.worldOf(person), runId)
    await house.untilEnded(2)
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    assert.deepEqual(queuesOf(house), ['millrace-local-arm64-critical'])
  })
})
