import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, gone, openLocalBatch, ready, statusesOf } from './local-batch.ts'

const retried = { retryStrategy: { attempts: 3 } }

test('terminating a running job asks it, then kills it, and it is FAILED for the reason given, never retried', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('forever.mjs'), retried)
  await ready(batch, jobId)
  await batch.terminate(jobId, 'not wanted any more')
  await ready(batch, jobId, 'heard SIGTERM')
  await batch.clock.advance(30_000)
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'not wanted any more')
  assert.equal(detail.isTerminated, true)
  assert.equal(detail.isCancelled, false)
  assert.equal(detail.container?.exitCode, 137)
  assert.equal(detail.attempts?.length, 1)
})

test('a terminated job is FAILED also if its process exits 0', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('exits-on-sigterm.mjs', '0'), retried)
  await ready(batch, jobId)
  await batch.terminate(jobId, 'enough')
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'enough')
})

test('terminating a waiting job cancels it', async () => {
  await using batch = await openLocalBatch({ memoryMiB: 32 })
  const jobId = await batch.submit(fixture('succeed.mjs'), retried)
  await batch.terminate(jobId, 'enough')
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'enough')
  assert.equal(detail.isCancelled, true)
  assert.equal(detail.isTerminated, false)
  assert.deepEqual(detail.attempts, [])
})

test('terminating a parent ends all its children, begun or not', async () => {
  await using batch = await openLocalBatch({ cores: 1 })
  const parent = await batch.submit(fixture('exits-on-sigterm.mjs'), {
    arrayProperties: { size: 4 },
    ...retried,
  })
  await ready(batch, `${parent}:0`)
  await batch.terminate(parent, 'Terminated by Millrace: cancelled')
  const { detail } = await batch.reaches(parent, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'Terminated by Millrace: cancelled')
  assert.equal(detail.isTerminated, true)
  assert.deepEqual(detail.arrayProperties?.statusSummary, { [JobStatus.FAILED]: 4 })
  const begun = await batch.describe(`${parent}:0`)
  assert.deepEqual([begun.isTerminated, begun.isCancelled, begun.attempts?.length], [true, false, 1])
  const waiting = await batch.describe(`${parent}:3`)
  assert.deepEqual([waiting.isTerminated, waiting.isCancelled, waiting.attempts?.length], [false, true, 0])
  assert.equal(waiting.statusReason, 'Terminated by Millrace: cancelled')
})

test('cancelling takes back a waiting job', async () => {
  await using batch = await openLocalBatch({ memoryMiB: 32 })
  const jobId = await batch.submit(fixture('succeed.mjs'), retried)
  await batch.cancel(jobId, 'changed my mind')
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'changed my mind')
  assert.equal(detail.isCancelled, true)
})

test('cancelling cannot stop a running job, and says nothing', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('exits-on-sigterm.mjs', '0'))
  await ready(batch, jobId)
  await batch.cancel(jobId, 'changed my mind')
  const described = await batch.describe(jobId)
  assert.equal(described.status, JobStatus.RUNNING)
  assert.equal(described.isCancelled, false)
})

test('cancelling a parent takes back the waiting children and lets the running ones end', async () => {
  await using batch = await openLocalBatch({ cores: 1, timeoutSecondsMin: 1 })
  const parent = await batch.submit(fixture('exits-on-sigterm.mjs', '0'), {
    arrayProperties: { size: 3 },
    timeout: { attemptDurationSeconds: 1 },
  })
  await ready(batch, `${parent}:0`)
  await batch.cancel(parent, 'changed my mind')
  await batch.reaches(`${parent}:2`, JobStatus.FAILED)
  assert.equal((await batch.describe(parent)).status, JobStatus.PENDING)
  await batch.clock.advance(1_000)
  const { detail } = await batch.reaches(parent, JobStatus.FAILED)
  assert.deepEqual(detail.arrayProperties?.statusSummary, { [JobStatus.FAILED]: 2, [JobStatus.SUCCEEDED]: 1 })
  assert.equal(detail.isCancelled, true)
})

test('ending what has ended changes nothing, and what never was is refused', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('succeed.mjs'))
  await batch.reaches(jobId, JobStatus.SUCCEEDED)
  await batch.terminate(jobId, 'late')
  await batch.cancel(jobId, 'late')
  assert.equal((await batch.describe(jobId)).status, JobStatus.SUCCEEDED)
  assert.equal(statusesOf(batch.events, jobId).includes(JobStatus.FAILED), false)
  await assert.rejects(batch.terminate('never', 'x'), /Job never not found/)
})

test('what the main process leaves behind is ended with it', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('leaves-a-child.mjs'))
  await batch.reaches(jobId, JobStatus.SUCCEEDED)
  await gone(Number(batch.logOf(jobId).trim()))
})

test('what is killed takes its children with it, in whatever group they are', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('has-a-detached-child.mjs'))
  await ready(batch, jobId)
  await batch.terminate(jobId, 'enough')
  await batch.clock.advance(30_000)
  await batch.reaches(jobId, JobStatus.FAILED)
  await gone(Number(batch.logOf(jobId).trim().split(' ')[1]))
})
