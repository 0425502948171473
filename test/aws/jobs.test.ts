import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { BatchClient } from '@aws-sdk/client-batch'
import { createBatchJobs } from '../../shared/aws/jobs.ts'
import { type ErrorCode, isError } from '../../shared/errors.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import type { Clock, JobRequest, Jobs } from '../../shared/ports.ts'
import { JobStatus } from '../../shared/vocabulary.ts'
import { type Loopback, startLoopback } from './loopback.ts'

const request: JobRequest = {
  name: 'flights_0123456789abcdef01234567_r01_c00',
  size: 3,
  queue: 'spot',
  definition: 'worker',
  environment: { MILLRACE_RUN_ID: 'r' },
  vcpus: 2,
  memoryMiB: 4096,
  timeoutSeconds: 3600,
}
const summary = (jobId: string, jobName: string, createdAt: number) => ({
  jobId,
  jobName,
  createdAt,
  status: JobStatus.PENDING,
})
const coded = (code: ErrorCode) => (error: unknown) => isError(error, code)

describe('AWS Batch', () => {
  let aws: Loopback
  let clock: Clock
  let slept: number[]
  let jobs: Jobs

  beforeEach(async () => {
    aws = await startLoopback()
    slept = []
    clock = {
      ...createMemoryClock(0),
      sleep: async ms => {
        slept.push(ms)
      },
    }
    jobs = createBatchJobs({ client: aws.clients.batch, clock })
  })
  afterEach(async () => {
    await aws.stop()
  })
  const operations = (): string[] => aws.requests.map(({ operation }) => operation)

  it('is given an array with its size, its environment and its own limits', async () => {
    aws.answerWith({ body: { jobId: 'j', jobName: request.name, jobArn: 'arn' } })
    assert.deepEqual(await jobs.submit(request), { jobId: 'j' })
    assert.deepEqual(aws.requests[0], {
      operation: 'submitjob',
      body: {
        jobName: request.name,
        jobQueue: 'spot',
        jobDefinition: 'worker',
        arrayProperties: { size: 3 },
        containerOverrides: {
          environment: [{ name: 'MILLRACE_RUN_ID', value: 'r' }],
          resourceRequirements: [
            { type: 'VCPU', value: '2' },
            { type: 'MEMORY', value: '4096' },
          ],
        },
        timeout: { attemptDurationSeconds: 3600 },
      },
    })
  })

  const submittedBody = async (more: Partial<JobRequest>): Promise<Record<string, unknown>> => {
    aws.answerWith({ body: { jobId: 'j' } })
    await jobs.submit({ ...request, ...more })
    return (aws.requests.at(-1)?.body ?? {}) as Record<string, unknown>
  }

  it('is told of a line among the children, and of the job before it', async () => {
    const line = await submittedBody({ sequential: true, after: 'before' })
    assert.deepEqual(line.dependsOn, [{ type: 'SEQUENTIAL' }, { jobId: 'before' }])
    const plain = await submittedBody({ size: 1, sequential: true, after: 'before' })
    assert.deepEqual(plain.dependsOn, [{ jobId: 'before' }])
    assert.ok(!('dependsOn' in (await submittedBody({ size: 1, sequential: true }))))
  })

  it('is told whose share a job is, where there are shares', async () => {
    const shared = await submittedBody({ share: { identifier: 'orders1', priority: 7 } })
    assert.deepEqual([shared.shareIdentifier, shared.schedulingPriorityOverride], ['orders1', 7])
    assert.ok(!('shareIdentifier' in (await submittedBody({}))))
  })

  it('overrides every node of a multi-node job alike, and no container of its own', async () => {
    const { nodeOverrides, containerOverrides, arrayProperties } = await submittedBody({ size: 1, nodes: 4 })
    assert.deepEqual([containerOverrides, arrayProperties], [undefined, undefined])
    assert.deepEqual(nodeOverrides, {
      numNodes: 4,
      nodePropertyOverrides: [
        {
          targetNodes: '0:',
          containerOverrides: {
            environment: [{ name: 'MILLRACE_RUN_ID', value: 'r' }],
            resourceRequirements: [
              { type: 'VCPU', value: '2' },
              { type: 'MEMORY', value: '4096' },
            ],
          },
        },
      ],
    })
  })

  it('knows no job in a queue that is gone; one that may not be looked into is another matter', async () => {
    aws.answerWith({ status: 400, error: 'ClientException' })
    assert.deepEqual(await jobs.find(request.name, 'gone'), [])
    aws.answerWith({ status: 403, error: 'AccessDeniedException' })
    await assert.rejects(jobs.find(request.name, 'spot'), coded('REQUEST_REFUSED'))
  })

  it('cannot be given an array of one, and gets a plain job', async () => {
    aws.answerWith({ body: { jobId: 'j' } })
    await jobs.submit({ ...request, size: 1 })
    assert.ok(!('arrayProperties' in (aws.requests[0]?.body ?? {})))
  })

  const troubles: [string, { status?: number; error: string }, ErrorCode][] = [
    ['asks to slow down', { status: 429, error: 'TooManyRequestsException' }, 'THROTTLED'],
    ['breaks', { status: 500, error: 'ServerException' }, 'TEMPORARY_FAILURE'],
    ['is not there for a while', { status: 503, error: 'ServiceUnavailable' }, 'TEMPORARY_FAILURE'],
    ['refuses', { status: 400, error: 'ClientException' }, 'REQUEST_REFUSED'],
    ['denies', { status: 403, error: 'AccessDeniedException' }, 'REQUEST_REFUSED'],
  ]
  for (const [words, trouble, code] of troubles) {
    it(`that ${words} at a submission is ${code}, and is asked once: a second time may be a second array`, async () => {
      aws.answerWith(trouble)
      await assert.rejects(
        jobs.submit(request),
        error => isError(error, code) && error.cause instanceof Error,
      )
      assert.deepEqual([operations(), slept], [['submitjob'], []])
    })
  }

  it('that hangs up at a submission is a passing fault, and is asked once', async () => {
    aws.hangUp()
    await assert.rejects(jobs.submit(request), coded('TEMPORARY_FAILURE'))
    assert.deepEqual(operations(), ['submitjob'])
  })

  it('cannot be asked by a client that repeats calls of its own accord', async () => {
    const client = new BatchClient({ region: 'us-east-1' })
    await assert.rejects(createBatchJobs({ client }).submit(request), coded('INVARIANT_BROKEN'))
  })

  it('that asks to slow down at a look is asked again, longer apart each time, four times in all', async () => {
    aws.answerWith({ status: 429, error: 'TooManyRequestsException' })
    await assert.rejects(jobs.describe(['a']), coded('THROTTLED'))
    assert.equal(aws.requests.length, 4)
    assert.equal(slept.length, 3)
    assert.ok(
      slept.every((ms, at) => ms >= 100 * 2 ** at && ms <= 200 * 2 ** at),
      slept.join(),
    )
  })

  it('that breaks once at a look has answered in the end', async () => {
    aws.answerWith({ status: 500, error: 'ServerException' }, { body: { jobs: [] } })
    assert.deepEqual(await jobs.describe(['a']), [])
  })

  it('that refuses a look is not asked again', async () => {
    aws.answerWith({ status: 400, error: 'ClientException' })
    await assert.rejects(jobs.describe(['a']), coded('REQUEST_REFUSED'))
    assert.equal(aws.requests.length, 1)
  })

  it('is asked for no more than 10 pages of jobs of one name', async () => {
    aws.answerWith({ body: { jobSummaryList: [], nextToken: 'more' } })
    await assert.rejects(jobs.find(request.name, 'spot'), coded('INVARIANT_BROKEN'))
    assert.equal(aws.requests.length, 10)
  })

  it('finds by name over all pages, and keeps what it filters too loosely apart', async () => {
    aws.answerWith(
      { body: { jobSummaryList: [summary('old', request.name, 1)], nextToken: 'more' } },
      {
        body: {
          jobSummaryList: [summary('other', request.name.toUpperCase(), 3), summary('new', request.name, 2)],
        },
      },
    )
    const found = await jobs.find(request.name, 'spot')
    assert.deepEqual(
      found.map(({ jobId }) => jobId),
      ['new', 'old'],
    )
    assert.deepEqual(
      aws.requests.map(({ body }) => [body.filters, body.nextToken, body.jobStatus]),
      [
        [[{ name: 'JOB_NAME', values: [request.name] }], undefined, undefined],
        [[{ name: 'JOB_NAME', values: [request.name] }], 'more', undefined],
      ],
    )
  })

  it('is asked what a job is before its children are listed, and only for the first page', async () => {
    aws.answerWith(
      {
        body: {
          jobs: [{ jobId: 'p', jobName: 'n', status: JobStatus.FAILED, arrayProperties: { size: 2 } }],
        },
      },
      {
        body: {
          jobSummaryList: [
            {
              jobId: 'p:1',
              jobName: 'n',
              status: JobStatus.FAILED,
              statusReason: 'Host EC2 (instance i-0) terminated.',
              arrayProperties: { index: 1 },
            },
          ],
          nextToken: 'more',
        },
      },
      { body: { jobSummaryList: [] } },
    )
    assert.deepEqual(await jobs.failures('p'), {
      failed: [{ index: 1, jobId: 'p:1', statusReason: 'Host EC2 (instance i-0) terminated.' }],
      next: 'more',
    })
    assert.deepEqual(await jobs.failures('p', 'more'), { failed: [] })
    assert.deepEqual(operations(), ['describejobs', 'listjobs', 'listjobs'])
    assert.deepEqual(aws.requests[2]?.body, {
      arrayJobId: 'p',
      jobStatus: JobStatus.FAILED,
      maxResults: 1000,
      nextToken: 'more',
    })
  })

  it('that refuses to terminate what it has forgotten, or what has ended, has done what was asked', async () => {
    for (const known of [[], [{ jobId: 'j', jobName: 'n', status: JobStatus.SUCCEEDED }]]) {
      aws.answerWith({ error: 'ClientException' }, { body: { jobs: known } })
      await jobs.terminate('j', 'x'.repeat(2000))
    }
    assert.equal(String(aws.requests[0]?.body.reason).length, 1024)
  })

  it('cannot refuse to terminate a job that runs without an error', async () => {
    const running = { jobId: 'j', jobName: 'n', status: JobStatus.RUNNING }
    aws.answerWith({ error: 'ClientException' }, { body: { jobs: [running] } })
    await assert.rejects(jobs.terminate('j', 'enough'), coded('REQUEST_REFUSED'))
  })
})
