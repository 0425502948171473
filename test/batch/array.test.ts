import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ListJobsCommand } from '@aws-sdk/client-batch'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, openLocalBatch, statusesOf } from './local-batch.ts'

const parentStatuses: readonly JobStatus[] = [JobStatus.PENDING, JobStatus.SUCCEEDED, JobStatus.FAILED]

test('an array runs each child as a process and its parent succeeds after the last', async () => {
  await using batch = await openLocalBatch()
  const parent = await batch.submit(fixture('succeed.mjs'), { arrayProperties: { size: 5 } })
  const { detail } = await batch.reaches(parent, JobStatus.SUCCEEDED)
  assert.deepEqual(detail.arrayProperties?.statusSummary, { [JobStatus.SUCCEEDED]: 5 })
  assert.equal(detail.statusReason, undefined)
  assert.deepEqual(statusesOf(batch.events, parent), [JobStatus.PENDING, JobStatus.SUCCEEDED])
  for (let index = 0; index < 5; index++) {
    assert.deepEqual(statusesOf(batch.events, `${parent}:${index}`), [
      JobStatus.RUNNABLE,
      JobStatus.STARTING,
      JobStatus.RUNNING,
      JobStatus.SUCCEEDED,
    ])
  }
})

test('an array of which one child fails is FAILED only after all children have ended', async () => {
  await using batch = await openLocalBatch({ cores: 1 })
  const parent = await batch.submit(fixture('fails-at-index.mjs', '0'), { arrayProperties: { size: 3 } })
  const firstChild = await batch.reaches(`${parent}:0`, JobStatus.FAILED)
  assert.equal(firstChild.detail.statusReason, 'Essential container in task exited')
  assert.equal(statusesOf(batch.events, parent).includes(JobStatus.FAILED), false)

  const { detail } = await batch.reaches(parent, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'Array Child Job failed')
  assert.deepEqual(detail.arrayProperties?.statusSummary, { [JobStatus.FAILED]: 1, [JobStatus.SUCCEEDED]: 2 })
  assert.deepEqual(detail.attempts, [])
  assert.equal(batch.events.at(-1)?.detail.jobId, parent)
})

test('a parent is PENDING while a child runs, never RUNNABLE, STARTING or RUNNING', async () => {
  await using batch = await openLocalBatch()
  const parent = await batch.submit(fixture('exits-on-sigterm.mjs'), { arrayProperties: { size: 3 } })
  await batch.reaches(`${parent}:1`, JobStatus.RUNNING)
  const described = await batch.describe(parent)
  assert.equal(described.status, JobStatus.PENDING)
  assert.equal(described.arrayProperties?.size, 3)
  assert.deepEqual(described.arrayProperties?.statusSummary, {
    [JobStatus.RUNNABLE]: 1,
    [JobStatus.RUNNING]: 2,
  })
  assert.equal(typeof described.arrayProperties?.statusSummaryLastUpdatedAt, 'number')
  assert.ok(statusesOf(batch.events, parent).every(status => status && parentStatuses.includes(status)))
})

test('a child has an index and no size, its parent a size and no index', async () => {
  await using batch = await openLocalBatch()
  const parent = await batch.submit(fixture('succeed.mjs'), { arrayProperties: { size: 2 } })
  await batch.reaches(parent, JobStatus.SUCCEEDED)
  const child = await batch.describe(`${parent}:1`)
  assert.equal(child.arrayProperties?.index, 1)
  assert.equal(child.arrayProperties?.size, undefined)
  const { arrayProperties } = await batch.describe(parent)
  assert.equal(arrayProperties?.index, undefined)
  assert.equal(arrayProperties?.size, 2)
})

test('ten thousand children are submitted, listed and terminated in a moment, and each is told of', async () => {
  // Too large for the machine: all of them stay where they are.
  await using batch = await openLocalBatch({ memoryMiB: 32 })
  const began = performance.now()
  const parent = await batch.submit(fixture('succeed.mjs'), { arrayProperties: { size: 10_000 } })
  assert.ok(performance.now() - began < 3_000)

  const indices: (number | undefined)[] = []
  let nextToken: string | undefined
  do {
    const page = await batch.client.send(
      new ListJobsCommand({ arrayJobId: parent, jobStatus: JobStatus.RUNNABLE, nextToken }),
    )
    assert.ok((page.jobSummaryList?.length ?? 0) <= 1_000)
    indices.push(...(page.jobSummaryList ?? []).map(job => job.arrayProperties?.index))
    nextToken = page.nextToken
  } while (nextToken)
  assert.deepEqual(
    indices,
    Array.from({ length: 10_000 }, (_, index) => index),
  )

  await batch.terminate(parent, 'enough')
  await batch.reaches(parent, JobStatus.FAILED)
  const failed = batch.events.filter(({ detail }) => detail.status === JobStatus.FAILED)
  assert.equal(failed.length, 10_001)
  assert.equal(new Set(batch.events.map(({ id }) => id)).size, batch.events.length)
})
