import assert from 'node:assert/strict'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { envelope, objectCreated, ownEnvelope } from '../../local/events/envelope.ts'
import { openQueueDb } from '../../local/events/queue-db.ts'
import { Queues } from '../../local/events/queues.ts'
import { createRouter } from '../../local/events/router.ts'
import { readWiring } from '../../local/serverless/file.ts'
import { localConfig } from '../../shared/config.ts'
import { isError } from '../../shared/errors.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import { EventType, JobStatus } from '../../shared/vocabulary.ts'
import { tempDir } from './temp-dir.ts'

const config = localConfig('/nowhere', '/nowhere/pipelines')
const wiring = readWiring(path.resolve(import.meta.dirname, '../../serverless.yml'), config)

function openRouter(t: TestContext) {
  const db = openQueueDb(path.join(tempDir(t), 'queues.db'))
  t.after(() => db.close())
  const queues = new Queues(db, createMemoryClock(Date.UTC(2026, 0, 1)))
  return { queues, router: createRouter(wiring, queues) }
}

const created = {
  bucket: 'drops',
  key: 'logs/red flower+ü.csv',
  bytes: 12,
  etag: 'abc',
  version: 'v1',
  sequencer: '00ff',
}

function jobEvent(status: string, arrayProperties: object, jobQueue = 'millrace-local-daily') {
  const detail = {
    jobId: 'a:1',
    status,
    arrayProperties,
    jobQueue: `arn:aws:batch:us-east-1:000000000000:job-queue/${jobQueue}`,
  }
  return envelope('aws.batch', 'Batch Job State Change', detail, 0)
}

test('an object in the drops bucket reaches the queue of partition, its key as it is', t => {
  const { queues, router } = openRouter(t)
  assert.equal(router.putEvents([objectCreated(created, 0)]), 1)
  const [message] = queues.receive('DropsQueue', 10, 1000)
  const event = JSON.parse(message?.body ?? '{}') as Record<string, unknown>
  assert.equal(event.source, 'aws.s3')
  assert.equal(event['detail-type'], 'Object Created')
  assert.equal(event.time, '1970-01-01T00:00:00Z')
  const { bucket, object, reason } = event.detail as Record<string, unknown>
  assert.deepEqual(bucket, { name: 'drops' })
  assert.deepEqual(object, {
    key: 'logs/red flower+ü.csv',
    size: 12,
    etag: 'abc',
    'version-id': 'v1',
    sequencer: '00ff',
  })
  assert.equal(reason, 'PutObject')
})

test('an object in another bucket reaches nothing', t => {
  const { router } = openRouter(t)
  assert.equal(router.putEvents([objectCreated({ ...created, bucket: 'output' }, 0)]), 0)
})

test('failed children, ended parents and plain jobs reach track', t => {
  const { queues, router } = openRouter(t)
  const wanted = [
    jobEvent(JobStatus.FAILED, { index: 0 }),
    jobEvent(JobStatus.FAILED, { size: 10 }),
    jobEvent(JobStatus.SUCCEEDED, { size: 10 }),
    jobEvent(JobStatus.SUCCEEDED, {}),
  ]
  assert.equal(router.putEvents(wanted), wanted.length)
  assert.equal(queues.waiting('JobsQueue'), wanted.length)
})

test('successful children, unfinished jobs and jobs of other queues do not reach track', t => {
  const { router } = openRouter(t)
  const unwanted = [
    jobEvent(JobStatus.SUCCEEDED, { index: 0 }),
    jobEvent(JobStatus.PENDING, { size: 10 }),
    jobEvent(JobStatus.RUNNING, { index: 1 }),
    jobEvent(JobStatus.FAILED, { index: 0 }, 'of-another-team'),
  ]
  assert.equal(router.putEvents(unwanted), 0)
})

test('an event of our own reaches its one function, on our bus and not on the default one', t => {
  const { queues, router } = openRouter(t)
  const functions = { roundDue: 'submit', roundEnded: 'settle', runStateChange: 'notify' } as const
  for (const [name, functionName] of Object.entries(functions)) {
    const type = EventType[name as keyof typeof functions]
    const event = ownEnvelope({ type, detail: { runId: 'r', pipeline: 'p' } }, 0)
    assert.equal(router.putEvents([event], 'default'), 0)
    assert.equal(router.putEvents([event], config.bus), 1)
    assert.equal(queues.waiting(`lambda:${functionName}`), 1)
  }
})

test('an event over the size EventBridge takes is refused, and none of its batch is sent', t => {
  const { queues, router } = openRouter(t)
  const big = objectCreated({ ...created, key: 'k'.repeat(256 * 1024) }, 0)
  assert.throws(
    () => router.putEvents([objectCreated(created, 0), big]),
    error => isError(error, 'MALFORMED'),
  )
  assert.equal(queues.waiting('DropsQueue'), 0)
})
