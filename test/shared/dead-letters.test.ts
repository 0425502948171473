import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { scheduledEvent } from '../../local/events/envelope.ts'
import { readWiring } from '../../local/serverless/file.ts'
import { localConfig } from '../../shared/config.ts'
import { type DeadLetter, deadLetterQueues, factsOf } from '../../shared/dead-letters.ts'
import { jobName } from '../../shared/jobname.ts'
import { runIdOf } from '../../shared/plan.ts'
import { EventType, JobStatus } from '../../shared/vocabulary.ts'
import { failureOf, roundDue } from '../contract/dead-letters.ts'
import { pipeline } from '../local/tiny-stack.ts'

const letter = (queue: DeadLetter['queue'], body: unknown, more: Partial<DeadLetter> = {}): DeadLetter => ({
  queue,
  messageId: 'm',
  body: typeof body === 'string' ? body : JSON.stringify(body),
  sentAt: 1,
  receives: 5,
  ...more,
})

const objectCreated = {
  source: 'aws.s3',
  'detail-type': 'Object Created',
  detail: { bucket: { name: 'drops' }, object: { key: 'in/a.csv', size: 3, etag: 'e', 'version-id': 'v1' } },
}

test('the queues are those of serverless.yml, each with the function that gives up into it', () => {
  const wiring = readWiring(path.resolve(import.meta.dirname, '../../serverless.yml'), localConfig('d', 'p'))
  for (const [name, known] of Object.entries(deadLetterQueues)) {
    const sources = wiring.queues.filter(({ redrive }) => redrive?.deadLetterQueue === name)
    const by = wiring.functions.filter(({ queues }) =>
      queues.some(({ queue }) => sources.some(one => one.name === queue)),
    )
    assert.deepEqual(
      by.map(one => one.name),
      'function' in known ? [known.function] : [],
    )
  }
  const given = [
    ...wiring.queues.map(({ redrive }) => redrive?.deadLetterQueue),
    ...wiring.functions.map(({ failureQueue }) => failureQueue),
  ]
  const names = new Set(given.filter(name => name !== undefined))
  assert.deepEqual([...names].toSorted(), Object.keys(deadLetterQueues).toSorted())
})

test("an event of ours tells function, run, pipeline, tries and the error's first line", () => {
  assert.deepEqual(factsOf(letter('FunctionsDlq', failureOf('submit', roundDue))), {
    function: 'submit',
    event: EventType.roundDue,
    runId: roundDue.detail.runId,
    pipeline: 'flights',
    tries: 3,
    error: 'Error: no such table',
    wayBack: { to: 'bus', event: { type: EventType.roundDue, detail: roundDue.detail } },
  })
})

test('what EventBridge could not deliver tells why, and goes back the same way', () => {
  const attributes = {
    TARGET_ARN: 'arn:aws:lambda:us-east-1:123456789012:function:millrace-dev-settle',
    ERROR_MESSAGE: 'Rate exceeded',
    RETRY_ATTEMPTS: '20',
  }
  const facts = factsOf(letter('FunctionsDlq', roundDue, { attributes }))
  assert.deepEqual([facts.function, facts.error, facts.tries], ['settle', 'Rate exceeded', 21])
  assert.equal(facts.wayBack.to, 'bus')
})

test('a drop tells the run that it would have become, where a pipeline takes it', () => {
  const dead = letter('DropsDlq', objectCreated)
  const runId = runIdOf('tiny', { bucket: 'drops', key: 'in/a.csv' }, 'v1')
  const facts = factsOf(dead, { pipelines: [pipeline], dropsBucket: 'drops' })
  assert.deepEqual(facts, {
    function: 'partition',
    event: 'Object Created',
    key: 'in/a.csv',
    pipeline: 'tiny',
    runId,
    tries: 5,
    wayBack: { to: 'queue' },
  })
  assert.equal(factsOf(dead).runId, undefined)
})

test("what Batch said tells its run by the job's name", () => {
  const runId = `tiny_${'b'.repeat(24)}`
  const detail = {
    jobId: 'j',
    jobName: jobName({ runId, round: 1, chunk: 0 }),
    status: JobStatus.FAILED,
  }
  const event = { source: 'aws.batch', 'detail-type': 'Batch Job State Change', detail }
  const facts = factsOf(letter('JobsDlq', event))
  assert.deepEqual([facts.function, facts.runId, facts.wayBack.to], ['track', runId, 'queue'])
})

test('a letter that is no JSON, or JSON of another shape, still has its queue and tries, and nothing more', () => {
  for (const body of ['{', '"text"', 'null', '[]', '{"detail-type":7}']) {
    assert.deepEqual(factsOf(letter('JobsDlq', body)), {
      function: 'track',
      tries: 5,
      wayBack: { to: 'queue' },
    })
    assert.equal(factsOf(letter('FunctionsDlq', body)).wayBack.to, 'unknown')
  }
})

test('a tick of reconcile that Scheduler could not deliver is told from a stranger, and need not go back', () => {
  const { function: by, wayBack } = factsOf(letter('FunctionsDlq', scheduledEvent('reconcile', 0)))
  assert.deepEqual([by, wayBack.to], ['reconcile', 'nowhere'])
  const stranger = { ...scheduledEvent('reconcile', 0), source: 'another.team' }
  assert.equal(factsOf(letter('FunctionsDlq', stranger)).wayBack.to, 'unknown')
})

test('a tick that Scheduler could not send, or that partition failed on, tells its run and goes back', () => {
  const detail = { pipeline: pipeline.name, scheduledAt: '2026-11-21T06:00:00Z' }
  const runId = runIdOf(
    pipeline.name,
    { bucket: 'drops', key: `_ticks/${pipeline.name}/2026-11-21T06:00:00Z` },
    '',
  )
  const takers = { pipelines: [], dropsBucket: 'drops' }
  const unsent = factsOf(letter('FunctionsDlq', detail, { attributes: { RETRY_ATTEMPTS: '20' } }), takers)
  assert.deepEqual(unsent, {
    event: EventType.scheduleDue,
    pipeline: pipeline.name,
    runId,
    tries: 21,
    wayBack: { to: 'bus', event: { type: EventType.scheduleDue, detail } },
  })
  const event = { source: 'millrace', 'detail-type': EventType.scheduleDue, detail }
  const failed = factsOf(letter('DropsDlq', event), takers)
  assert.deepEqual([failed.function, failed.runId, failed.wayBack], ['partition', runId, { to: 'queue' }])
})
