import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, openLocalBatch, type StateChange } from './local-batch.ts'

test('an event has EventBridge’s envelope around what DescribeJobs tells', async () => {
  await using batch = await openLocalBatch()
  const parent = await batch.submit(fixture('fails-at-index.mjs', '1'), {
    arrayProperties: { size: 2 },
    tags: { run: 'one' },
    containerOverrides: { environment: [{ name: 'RUN_ID', value: 'one' }] },
  })
  const event = await batch.reaches(`${parent}:1`, JobStatus.FAILED)
  const { detail, id, ...envelope } = event
  assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  assert.deepEqual(envelope, {
    version: '0',
    'detail-type': 'Batch Job State Change',
    source: 'aws.batch',
    account: '000000000000',
    time: '2027-01-15T08:00:00Z',
    region: 'us-east-1',
    resources: [`arn:aws:batch:us-east-1:000000000000:job/${parent}:1`],
  })
  assert.equal(detail.jobArn, envelope.resources?.[0])
  assert.equal(detail.jobQueue, 'arn:aws:batch:us-east-1:000000000000:job-queue/spot')
  assert.equal(detail.jobDefinition, 'arn:aws:batch:us-east-1:000000000000:job-definition/program:1')
  assert.equal(detail.arrayProperties?.index, 1)
  assert.equal(detail.container?.exitCode, 1)
  assert.deepEqual(detail.container?.environment, [{ name: 'RUN_ID', value: 'one' }])
  assert.equal(detail.tags?.run, 'one')
  const [attempt] = detail.attempts ?? []
  assert.equal(attempt?.container?.exitCode, 1)
  assert.equal(attempt?.container?.logStreamName, `${parent}_1/1.log`)
  assert.match(attempt?.container?.taskArn ?? '', /^arn:aws:ecs:.*:task\//)
  assert.equal(typeof attempt?.startedAt, 'number')
  assert.equal(typeof attempt?.stoppedAt, 'number')

  await batch.reaches(parent, JobStatus.FAILED)
  const described = await batch.describe(`${parent}:1`)
  assert.deepEqual({ ...detail }, { ...described })
})

test('an event tells of its own moment, also when it is delivered later', async () => {
  const opened = Promise.withResolvers<void>()
  const delivered: StateChange[] = []
  const done = Promise.withResolvers<void>()
  await using batch = await openLocalBatch({
    emit: async event => {
      await opened.promise
      delivered.push(event as StateChange)
      if (delivered.at(-1)?.detail.status === JobStatus.FAILED) done.resolve()
    },
  })
  const jobId = await batch.submit(fixture('fail.mjs'), { retryStrategy: { attempts: 2 } })
  while ((await batch.describe(jobId)).status !== JobStatus.FAILED);
  opened.resolve()
  await done.promise
  assert.deepEqual(
    delivered.map(({ detail }) => [detail.status, detail.attempts?.length, detail.stoppedAt !== undefined]),
    [
      [JobStatus.RUNNABLE, 0, false],
      [JobStatus.STARTING, 0, false],
      [JobStatus.RUNNING, 0, false],
      [JobStatus.RUNNABLE, 1, false],
      [JobStatus.STARTING, 1, false],
      [JobStatus.RUNNING, 1, false],
      [JobStatus.FAILED, 2, true],
    ],
  )
})

test('an event that is not taken is brought again, the same', async () => {
  const seen: StateChange[] = []
  const refusals = 3
  const taken = Promise.withResolvers<void>()
  await using batch = await openLocalBatch({
    emit: async event => {
      seen.push(event as StateChange)
      if (seen.length <= refusals) throw new Error('not now')
      if (seen.at(-1)?.detail.status === JobStatus.SUCCEEDED) taken.resolve()
    },
  })
  const jobId = await batch.submit(fixture('succeed.mjs'))
  while ((await batch.describe(jobId)).status !== JobStatus.SUCCEEDED) await batch.clock.advance(60_000)
  for (let tries = 0; tries < refusals; tries++) await batch.clock.advance(60_000)
  await taken.promise
  assert.deepEqual(
    seen.slice(0, refusals),
    Array.from({ length: refusals }, () => seen[refusals]),
  )
  assert.deepEqual(
    seen.slice(refusals).map(({ detail }) => detail.status),
    [JobStatus.RUNNABLE, JobStatus.STARTING, JobStatus.RUNNING, JobStatus.SUCCEEDED],
  )
})

test('what was not delivered before a stop is delivered by the next start, under the same id', async () => {
  const first: StateChange[] = []
  const heard = Promise.withResolvers<void>()
  await using batch = await openLocalBatch({
    memoryMiB: 32,
    emit: async event => {
      first.push(event as StateChange)
      heard.resolve()
      throw new Error('not now')
    },
  })
  const jobId = await batch.submit(fixture('succeed.mjs'))
  await heard.promise
  await batch.stop()
  await using next = await openLocalBatch({ dir: batch.dir, memoryMiB: 32 })
  const event = await next.reaches(jobId, JobStatus.RUNNABLE)
  assert.equal(event.id, first[0]?.id)
})
