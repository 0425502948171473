import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseJobEnd, parseObjectCreated, parseOwnEvent, terminalJob } from '../../shared/events.ts'
import { childEnvironment, jobName, parseJobName } from '../../shared/jobname.ts'
import { EventType, JobStatus, ownSource } from '../../shared/vocabulary.ts'
import { runId } from './given.ts'

const tie = { runId, round: 2, chunk: 11 }
const object = { key: 'a b+c%20é.csv', size: 5, etag: 'e', sequencer: '01' }
const created = (more: object = {}) => ({
  version: '0',
  source: 'aws.s3',
  'detail-type': 'Object Created',
  detail: { bucket: { name: 'drops' }, object: { ...object, ...more }, reason: 'PutObject' },
})
const jobEvent = (detail: object) => ({
  source: 'aws.batch',
  'detail-type': 'Batch Job State Change',
  detail: { jobId: 'j', jobName: jobName(tie), status: JobStatus.FAILED, ...detail },
})

describe('an Object Created event', () => {
  test('keeps its key raw: EventBridge does not encode it', () => {
    assert.equal(parseObjectCreated(created()).source.key, object.key)
  })

  test('is told apart by its version, or by etag and sequencer where the bucket keeps none', () => {
    assert.equal(parseObjectCreated(created({ 'version-id': 'v' })).identity, 'v')
    assert.equal(parseObjectCreated(created()).identity, 'e+01')
    const suspended = parseObjectCreated(created({ 'version-id': 'null' }))
    assert.deepEqual([suspended.identity, suspended.source.version], ['e+01', undefined])
  })

  test('cannot be one without a size, or of another source', () => {
    assert.throws(() => parseObjectCreated(created({ size: -1 })), { code: 'MALFORMED' })
    assert.throws(() => parseObjectCreated({ ...created(), source: 'aws.s4' }), { code: 'MALFORMED' })
    assert.throws(() => parseObjectCreated(null), { code: 'MALFORMED' })
  })
})

describe('a Batch Job State Change event', () => {
  test('of a child says which, and how it ended', () => {
    const end = parseJobEnd(
      jobEvent({
        jobId: 'j:7',
        arrayProperties: { index: 7 },
        statusReason: 's',
        container: { exitCode: 75, reason: 'r' },
      }),
    )
    const said = { statusReason: 's', reason: 'r', exitCode: 75 }
    assert.deepEqual(end, { tie, jobId: 'j:7', status: JobStatus.FAILED, isParent: false, index: 7, ...said })
  })

  test('of a parent is told by its size, of a plain job by having neither', () => {
    const parent = parseJobEnd(jobEvent({ arrayProperties: { size: 3, statusSummary: {} } }))
    assert.deepEqual([parent?.isParent, parent?.index], [true, undefined])
    assert.deepEqual(parseJobEnd(jobEvent({}))?.isParent, false)
  })

  test('is let pass where the job is not ours or goes on', () => {
    assert.equal(parseJobEnd(jobEvent({ jobName: 'somebody-elses' })), undefined)
    assert.equal(parseJobEnd(jobEvent({ status: JobStatus.RUNNING })), undefined)
    assert.deepEqual(Object.values(JobStatus).filter(terminalJob), [JobStatus.SUCCEEDED, JobStatus.FAILED])
  })

  test('cannot have a status that Batch does not know', () => {
    assert.throws(() => parseJobEnd(jobEvent({ status: 'DONE' })), { code: 'MALFORMED' })
  })
})

describe('an event of our own', () => {
  const own = {
    source: ownSource,
    'detail-type': EventType.roundDue,
    detail: { runId, pipeline: 'orders', round: 1, more: 1 },
  }

  test('is read whatever else it carries', () => {
    assert.deepEqual(parseOwnEvent(own), { runId, pipeline: 'orders', round: 1 })
  })

  test('cannot be of an unknown type', () => {
    assert.throws(() => parseOwnEvent({ ...own, 'detail-type': 'Round Lost' }), { code: 'MALFORMED' })
  })
})

describe('the name of a job', () => {
  test('ties it to its run both ways', () => {
    assert.deepEqual(parseJobName(jobName(tie)), tie)
    assert.deepEqual(parseJobName(jobName({ ...tie, round: 130, chunk: 99 })), {
      ...tie,
      round: 130,
      chunk: 99,
    })
  })

  test('is one that Batch takes, for the longest name of a pipeline', () => {
    assert.match(
      jobName({ ...tie, runId: `${'a'.repeat(40)}_${'0'.repeat(24)}` }),
      /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/,
    )
  })

  test('of others ties to nothing', () => {
    for (const name of [
      '',
      'orders',
      `orders_${runId}`,
      `orders_${runId}_r1_c0`,
      `x-orders_${runId.slice(1)}_r01_c00`,
    ]) {
      assert.equal(parseJobName(name), undefined, name)
    }
  })

  test('goes with an environment free of names that Batch reserves', () => {
    assert.ok(Object.keys(childEnvironment(tie)).every(name => name.startsWith('MILLRACE_')))
  })
})
