import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, type LocalBatch, openLocalBatch, ready } from './local-batch.ts'

const needs = (vcpus: string, memoryMiB = '64') => ({
  containerOverrides: {
    resourceRequirements: [
      { type: 'VCPU' as const, value: vcpus },
      { type: 'MEMORY' as const, value: memoryMiB },
    ],
  },
})
const queues = [
  { name: 'critical', priority: 100 },
  { name: 'spot', priority: 50 },
  { name: 'backfill', priority: 10 },
]
const startOrder = (batch: LocalBatch): (string | undefined)[] =>
  batch.events.filter(({ detail }) => detail.status === JobStatus.STARTING).map(({ detail }) => detail.jobId)

test('no more jobs run at a time than their vCPUs find cores', async () => {
  await using batch = await openLocalBatch({ cores: 3 })
  const one = await batch.submit(fixture('exits-on-sigterm.mjs'), needs('1'))
  const two = await batch.submit(fixture('exits-on-sigterm.mjs'), needs('2'))
  const third = await batch.submit(fixture('exits-on-sigterm.mjs'), needs('1'))
  await ready(batch, one)
  await ready(batch, two)
  assert.equal((await batch.describe(third)).status, JobStatus.RUNNABLE)
  await batch.terminate(one, 'make room')
  await ready(batch, third)
})

test('half a vCPU takes a whole core', async () => {
  await using batch = await openLocalBatch({ cores: 1 })
  const first = await batch.submit(fixture('exits-on-sigterm.mjs'), needs('0.5'))
  const second = await batch.submit(fixture('exits-on-sigterm.mjs'), needs('0.5'))
  await ready(batch, first)
  assert.equal((await batch.describe(second)).status, JobStatus.RUNNABLE)
})

test('a job for a larger machine runs alone on this one', async () => {
  await using batch = await openLocalBatch({ cores: 2 })
  const large = await batch.submit(fixture('exits-on-sigterm.mjs'), needs('16'))
  const small = await batch.submit(fixture('succeed.mjs'))
  await ready(batch, large)
  assert.equal((await batch.describe(small)).status, JobStatus.RUNNABLE)
  await batch.terminate(large, 'make room')
  await batch.reaches(small, JobStatus.SUCCEEDED)
})

test('no more jobs run at a time than the memory holds, where it is counted', async () => {
  await using batch = await openLocalBatch({ cores: 4, memoryMiB: 100 })
  const first = await batch.submit(fixture('exits-on-sigterm.mjs'))
  const second = await batch.submit(fixture('succeed.mjs'))
  await ready(batch, first)
  assert.equal((await batch.describe(second)).status, JobStatus.RUNNABLE)
  await batch.terminate(first, 'make room')
  await batch.reaches(second, JobStatus.SUCCEEDED)
})

test('a job that asks for more memory than there is stays RUNNABLE, says why, and blocks its queue only', async () => {
  await using batch = await openLocalBatch({ memoryMiB: 100, queues })
  const large = await batch.submit(fixture('succeed.mjs'), needs('1', '128'))
  const { detail, resources } = await batch.event(event => event['detail-type'] === 'Batch Job Queue Blocked')
  assert.equal(detail.jobId, large)
  assert.equal(detail.status, JobStatus.RUNNABLE)
  assert.equal(detail.statusReason, 'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT')
  assert.match(resources[1] ?? '', /job-queue\/spot$/)

  const elsewhere = await batch.submit(fixture('succeed.mjs'), { jobQueue: 'backfill' })
  await batch.reaches(elsewhere, JobStatus.SUCCEEDED)
  const behind = await batch.submit(fixture('succeed.mjs'))
  assert.equal((await batch.describe(large)).statusReason, 'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT')
  await batch.terminate(large, 'in the way')
  await batch.reaches(behind, JobStatus.SUCCEEDED)
  const blocked = batch.events.filter(event => event['detail-type'] === 'Batch Job Queue Blocked')
  assert.equal(blocked.length, 1)
})

test('a queue of higher priority goes first, and within a queue who came first', async () => {
  await using batch = await openLocalBatch({ cores: 1, queues })
  const running = await batch.submit(fixture('exits-on-sigterm.mjs'))
  await ready(batch, running)
  const submitTo = async (jobQueue: string) => await batch.submit(fixture('succeed.mjs'), { jobQueue })
  const backfill = await submitTo('backfill')
  const daily = [await submitTo('spot'), await submitTo('spot')]
  const critical = await submitTo('critical')
  await batch.terminate(running, 'make room')
  await batch.reaches(backfill, JobStatus.SUCCEEDED)
  assert.deepEqual(startOrder(batch), [running, critical, ...daily, backfill])
})

test('a small job does not overtake a large one of its queue that waits for room', async () => {
  await using batch = await openLocalBatch({ cores: 2 })
  const running = await batch.submit(fixture('exits-on-sigterm.mjs'))
  await ready(batch, running)
  const large = await batch.submit(fixture('succeed.mjs'), needs('2'))
  const small = await batch.submit(fixture('succeed.mjs'))
  await batch.terminate(running, 'make room')
  await batch.reaches(small, JobStatus.SUCCEEDED)
  assert.deepEqual(startOrder(batch), [running, large, small])
})

test('a small job of a lower queue does not take the room that a higher one waits for', async () => {
  await using batch = await openLocalBatch({ cores: 2, queues })
  const running = await batch.submit(fixture('exits-on-sigterm.mjs'))
  await ready(batch, running)
  const large = await batch.submit(fixture('succeed.mjs'), { jobQueue: 'critical', ...needs('2') })
  const small = await batch.submit(fixture('succeed.mjs'), { jobQueue: 'backfill' })
  await batch.terminate(running, 'make room')
  await batch.reaches(small, JobStatus.SUCCEEDED)
  assert.deepEqual(startOrder(batch), [running, large, small])
})

test('the children of an array start in the order of their indices', async () => {
  await using batch = await openLocalBatch({ cores: 1 })
  const parent = await batch.submit(fixture('succeed.mjs'), { arrayProperties: { size: 3 } })
  await batch.reaches(parent, JobStatus.SUCCEEDED)
  assert.deepEqual(startOrder(batch), [`${parent}:0`, `${parent}:1`, `${parent}:2`])
})
