import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, openLocalBatch, ready } from './local-batch.ts'

const timeout = { attemptDurationSeconds: 60 }

test('an attempt over its time limit hears SIGTERM, is killed 30 seconds later, and is not retried', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('forever.mjs'), { timeout, retryStrategy: { attempts: 3 } })
  await ready(batch, jobId)
  await batch.clock.advance(60_000)
  await ready(batch, jobId, 'heard SIGTERM')
  assert.equal((await batch.describe(jobId)).status, JobStatus.RUNNING)

  await batch.clock.advance(30_000)
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'Job attempt duration exceeded timeout')
  assert.equal(detail.container?.exitCode, 137)
  assert.equal(detail.attempts?.length, 1)
  assert.equal(Number(detail.stoppedAt) - Number(detail.startedAt), 90_000)
})

test('an attempt within its time limit is left alone', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('exits-on-sigterm.mjs', '0'), { timeout })
  await ready(batch, jobId)
  await batch.clock.advance(59_999)
  assert.equal((await batch.describe(jobId)).status, JobStatus.RUNNING)
})

test('a process that exits 0 on the SIGTERM of its time limit has succeeded', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('exits-on-sigterm.mjs', '0'), { timeout })
  await ready(batch, jobId)
  await batch.clock.advance(60_000)
  const { detail } = await batch.reaches(jobId, JobStatus.SUCCEEDED)
  assert.equal(detail.container?.exitCode, 0)
})

test('a process that exits 143 on the SIGTERM of its time limit has not succeeded', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('exits-on-sigterm.mjs', '143'), { timeout })
  await ready(batch, jobId)
  await batch.clock.advance(60_000)
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'Job attempt duration exceeded timeout')
  assert.equal(detail.container?.exitCode, 143)
})

test('every attempt has the whole time limit', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('exits-on-sigterm.mjs', '143'), {
    timeout,
    retryStrategy: { attempts: 2 },
  })
  await ready(batch, jobId)
  await batch.clock.advance(59_000)
  await batch.server.reclaim(jobId)
  await ready(batch, jobId, 'ready', 2)
  await batch.clock.advance(59_000)
  assert.equal((await batch.describe(jobId)).status, JobStatus.RUNNING)
  await batch.clock.advance(1_000)
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'Job attempt duration exceeded timeout')
})

test('a shorter least time limit can be asked for by name', async () => {
  await using batch = await openLocalBatch({ timeoutSecondsMin: 1 })
  const jobId = await batch.submit(fixture('exits-on-sigterm.mjs'), {
    timeout: { attemptDurationSeconds: 1 },
  })
  await ready(batch, jobId)
  await batch.clock.advance(1_000)
  await batch.reaches(jobId, JobStatus.FAILED)
})
