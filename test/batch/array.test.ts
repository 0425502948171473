import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, openLocalBatch, statusesOf } from './local-batch.ts'

test('an array runs each child as a process and its parent succeeds after the last', async () => {
  await using batch = await openLocalBatch()
  const parent = await batch.submit(fixture('succeed.mjs'), { arrayProperties: { size: 5 } })
  const { detail } = await batch.reaches(parent, JobStatus.SUCCEEDED)
  assert.deepEqual(detail.arrayProperties?.statusSummary, { [JobStatus.SUCCEEDED]: 5 })
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
