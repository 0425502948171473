import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, type LocalBatch, openLocalBatch, statusesOf } from './local-batch.ts'

const array = (size: number) => ({ arrayProperties: { size } })
const startOrder = (batch: LocalBatch): (string | undefined)[] =>
  batch.events.filter(({ detail }) => detail.status === JobStatus.STARTING).map(({ detail }) => detail.jobId)

test('a job waits, PENDING, until the array it depends on has succeeded', async () => {
  await using batch = await openLocalBatch()
  const first = await batch.submit(fixture('succeed.mjs'), array(3))
  const second = await batch.submit(fixture('succeed.mjs'), { dependsOn: [{ jobId: first }] })
  await batch.reaches(second, JobStatus.SUCCEEDED)
  assert.equal(startOrder(batch).at(-1), second)
  assert.deepEqual(statusesOf(batch.events, second).slice(0, 2), [JobStatus.PENDING, JobStatus.RUNNABLE])
})

test('a job fails with all that depend on it when what it depends on fails', async () => {
  await using batch = await openLocalBatch()
  const first = await batch.submit(fixture('fail.mjs'), { retryStrategy: { attempts: 2 } })
  const second = await batch.submit(fixture('succeed.mjs'), { dependsOn: [{ jobId: first }], ...array(2) })
  const third = await batch.submit(fixture('succeed.mjs'), { dependsOn: [{ jobId: second }] })
  for (const jobId of [second, `${second}:0`, `${second}:1`, third]) {
    const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
    assert.equal(detail.statusReason, 'Dependent Job failed')
    assert.deepEqual(detail.attempts, [])
  }
})

test('a job waits for all it depends on, through their retries', async () => {
  await using batch = await openLocalBatch()
  const one = await batch.submit(fixture('fails-first.mjs'), { retryStrategy: { attempts: 2 } })
  const two = await batch.submit(fixture('succeed.mjs'))
  const last = await batch.submit(fixture('succeed.mjs'), { dependsOn: [{ jobId: one }, { jobId: two }] })
  await batch.reaches(last, JobStatus.SUCCEEDED)
  assert.equal(startOrder(batch).length, 4)
  assert.equal(startOrder(batch).at(-1), last)
})

test('a job that depends on what has succeeded already does not wait', async () => {
  await using batch = await openLocalBatch()
  const first = await batch.submit(fixture('succeed.mjs'))
  await batch.reaches(first, JobStatus.SUCCEEDED)
  const second = await batch.submit(fixture('succeed.mjs'), { dependsOn: [{ jobId: first }], ...array(2) })
  await batch.reaches(second, JobStatus.SUCCEEDED)
})

test('a job that depends on what has failed already fails', async () => {
  await using batch = await openLocalBatch()
  const first = await batch.submit(fixture('fail.mjs'))
  await batch.reaches(first, JobStatus.FAILED)
  const second = await batch.submit(fixture('succeed.mjs'), { dependsOn: [{ jobId: first }] })
  const { detail } = await batch.reaches(second, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'Dependent Job failed')
})

test('the children of a SEQUENTIAL array run one after the other, however many cores there are', async () => {
  await using batch = await openLocalBatch({ cores: 4 })
  const parent = await batch.submit(fixture('succeed.mjs'), {
    dependsOn: [{ type: 'SEQUENTIAL' }],
    ...array(4),
  })
  await batch.reaches(parent, JobStatus.SUCCEEDED)
  const changes = batch.events.filter(({ detail }) =>
    ([JobStatus.STARTING, JobStatus.SUCCEEDED] as (string | undefined)[]).includes(detail.status),
  )
  assert.deepEqual(
    changes.map(({ detail }) => `${detail.arrayProperties?.index ?? 'parent'} ${detail.status}`),
    [0, 1, 2, 3]
      .flatMap(index => [`${index} ${JobStatus.STARTING}`, `${index} ${JobStatus.SUCCEEDED}`])
      .concat(`parent ${JobStatus.SUCCEEDED}`),
  )
})

test('a child of a SEQUENTIAL array cannot run after one that failed', async () => {
  await using batch = await openLocalBatch()
  const parent = await batch.submit(fixture('fails-at-index.mjs', '1'), {
    dependsOn: [{ type: 'SEQUENTIAL' }],
    ...array(4),
  })
  const { detail } = await batch.reaches(parent, JobStatus.FAILED)
  assert.deepEqual(detail.arrayProperties?.statusSummary, { [JobStatus.FAILED]: 3, [JobStatus.SUCCEEDED]: 1 })
  const children = await Promise.all([1, 2, 3].map(index => batch.describe(`${parent}:${index}`)))
  assert.deepEqual(
    children.map(child => child.statusReason),
    ['Essential container in task exited', 'Dependent Job failed', 'Dependent Job failed'],
  )
})

test('N_TO_N: each child waits for its counterpart only, and fails with it only', async () => {
  await using batch = await openLocalBatch({ cores: 1 })
  const first = await batch.submit(fixture('fails-at-index.mjs', '1'), array(3))
  const second = await batch.submit(fixture('succeed.mjs'), {
    dependsOn: [{ jobId: first, type: 'N_TO_N' }],
    ...array(3),
  })
  const { detail } = await batch.reaches(second, JobStatus.FAILED)
  assert.deepEqual(detail.arrayProperties?.statusSummary, { [JobStatus.FAILED]: 1, [JobStatus.SUCCEEDED]: 2 })
  const child = await batch.describe(`${second}:1`)
  assert.equal(child.statusReason, 'Dependent Job failed')
})

test('N_TO_N cannot be asked of arrays of different sizes', async () => {
  await using batch = await openLocalBatch()
  const first = await batch.submit(fixture('succeed.mjs'), array(3))
  const dependsOn = [{ jobId: first, type: 'N_TO_N' as const }]
  await assert.rejects(
    batch.submit(fixture('succeed.mjs'), { dependsOn, ...array(2) }),
    /not an array of size 2/,
  )
})

test('a job can wait for a single child of an array', async () => {
  await using batch = await openLocalBatch()
  const first = await batch.submit(fixture('fails-at-index.mjs', '0'), array(2))
  const onGood = await batch.submit(fixture('succeed.mjs'), { dependsOn: [{ jobId: `${first}:1` }] })
  const onBad = await batch.submit(fixture('succeed.mjs'), { dependsOn: [{ jobId: `${first}:0` }] })
  await batch.reaches(onGood, JobStatus.SUCCEEDED)
  await batch.reaches(onBad, JobStatus.FAILED)
})

test('ten thousand children fail N_TO_N with ten thousand others in a moment', async () => {
  await using batch = await openLocalBatch({ memoryMiB: 32 })
  const first = await batch.submit(fixture('succeed.mjs'), array(10_000))
  const dependsOn = [{ jobId: first, type: 'N_TO_N' as const }]
  const second = await batch.submit(fixture('succeed.mjs'), { dependsOn, ...array(10_000) })
  const began = performance.now()
  await batch.terminate(first, 'enough')
  assert.ok(performance.now() - began < 5_000)
  const { arrayProperties, status } = await batch.describe(second)
  assert.equal(status, JobStatus.FAILED)
  assert.deepEqual(arrayProperties?.statusSummary, { [JobStatus.FAILED]: 10_000 })
})
