import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  ClientException,
  CreateJobQueueCommand,
  DeregisterJobDefinitionCommand,
  DescribeJobDefinitionsCommand,
  DescribeJobQueuesCommand,
  DescribeJobsCommand,
  RegisterJobDefinitionCommand,
  type RegisterJobDefinitionCommandInput,
  type SubmitJobCommandInput,
} from '@aws-sdk/client-batch'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, type LocalBatch, openLocalBatch } from './local-batch.ts'

const rule = (onStatusReason: string) => ({ onStatusReason, action: 'RETRY' as const })
const ids = (count: number) => Array.from({ length: count }, (_, index) => `job-${index}`)

const submissions: [string, Partial<SubmitJobCommandInput>, RegExp][] = [
  ['an array of one', { arrayProperties: { size: 1 } }, /between 2 and 10000/],
  ['an array of 10,001', { arrayProperties: { size: 10_001 } }, /between 2 and 10000/],
  ['a name with a dot', { jobName: 'a.b' }, /Job name should match valid pattern/],
  ['a name that begins with a dash', { jobName: '-a' }, /Job name should match valid pattern/],
  ['a name of 129 letters', { jobName: 'a'.repeat(129) }, /Job name should match valid pattern/],
  ['an unknown queue', { jobQueue: 'nowhere' }, /JobQueue nowhere not found\./],
  ['an unknown definition', { jobDefinition: 'nothing' }, /JobDefinition nothing not found\./],
  ['an unknown revision', { jobDefinition: 'program:99' }, /JobDefinition program:99 not found\./],
  ['21 dependencies', { dependsOn: ids(21).map(jobId => ({ jobId })) }, /Up to 20 dependencies/],
  ['an unknown dependency', { dependsOn: [{ jobId: 'gone' }] }, /gone not found/],
  ['a plain job in sequence', { dependsOn: [{ type: 'SEQUENTIAL' }] }, /array jobs only/],
  ['a time limit of 59 seconds', { timeout: { attemptDurationSeconds: 59 } }, /at least 60 seconds/],
  ['attempts without number', { retryStrategy: {} }, /RetryAttempts must be provided with retry strategy/],
  ['11 attempts', { retryStrategy: { attempts: 11 } }, /between 1 and 10/],
  [
    '6 rules',
    { retryStrategy: { attempts: 2, evaluateOnExit: Array.from({ length: 6 }, () => rule('a')) } },
    /Up to 5 evaluateOnExit condition can be specified\./,
  ],
  [
    'a rule with a parenthesis',
    { retryStrategy: { attempts: 2, evaluateOnExit: [rule('Host EC2 (instance*')] } },
    /Evaluate on exit condition contains restricted characters\./,
  ],
  [
    'a rule with a star inside',
    { retryStrategy: { attempts: 2, evaluateOnExit: [rule('Cannot*Error*')] } },
    /Evaluate on exit condition contains restricted characters\./,
  ],
  [
    'a reserved variable',
    { containerOverrides: { environment: [{ name: 'AWS_BATCH_JOB_ID', value: 'x' }] } },
    /must not start with AWS_BATCH/,
  ],
  ['an empty word in the command', { containerOverrides: { command: ['a', ''] } }, /empty string/],
  ['a request over 30 KiB', { parameters: { long: 'x'.repeat(31 * 1024) } }, /less than 30 KiB, got 32 KiB/],
]

const resourceRequirements = [
  { type: 'VCPU' as const, value: '1' },
  { type: 'MEMORY' as const, value: '64' },
]

const definitions: [string, Partial<RegisterJobDefinitionCommandInput>, RegExp][] = [
  ['no vCPUs', { containerProperties: { image: 'i', memory: 64 } }, /vCPU is not provided\./],
  ['no memory', { containerProperties: { image: 'i', vcpus: 1 } }, /Memory is not provided\./],
  ['no image', { containerProperties: { resourceRequirements } }, /image is not provided/],
  ['nodes that nobody described', { type: 'multinode' }, /properties of a multinode job are missing/],
  ['a name with a space', { jobDefinitionName: 'a b' }, /name should match valid pattern/],
  ['a size over 24 KiB', { parameters: { long: 'x'.repeat(25 * 1024) } }, /less than 24 KiB/],
]

/** Overrides that are so many characters of JSON together with the command. */
function overridesOf(length: number) {
  const empty = JSON.stringify({
    command: fixture('succeed.mjs'),
    environment: [{ name: 'A', value: '' }],
  })
  return { environment: [{ name: 'A', value: 'x'.repeat(length - empty.length) }] }
}

describe('the local Batch', () => {
  let batch: LocalBatch
  before(async () => {
    batch = await openLocalBatch()
  })
  after(() => batch[Symbol.asyncDispose]())

  for (const [what, input, message] of submissions) {
    test(`cannot be given ${what}`, async () => {
      await assert.rejects(batch.submit(fixture('succeed.mjs'), input), error => {
        assert.ok(error instanceof ClientException)
        assert.match(error.message, message)
        assert.match(error.message, /^Error executing request, Exception : .*, RequestId: [0-9a-f-]{36}$/)
        return true
      })
    })
  }

  for (const [what, input, message] of definitions) {
    test(`cannot be given a job definition with ${what}`, async () => {
      const definition = {
        jobDefinitionName: 'd',
        type: 'container' as const,
        containerProperties: { image: 'i', resourceRequirements },
        ...input,
      }
      await assert.rejects(batch.client.send(new RegisterJobDefinitionCommand(definition)), message)
    })
  }

  test('describes 100 jobs and cannot describe 101', async () => {
    const described = await batch.client.send(new DescribeJobsCommand({ jobs: ids(100) }))
    assert.deepEqual(described.jobs, [])
    const tooMany = batch.client.send(new DescribeJobsCommand({ jobs: ids(101) }))
    await assert.rejects(tooMany, /Maximum number of jobs supported is 100/)
  })

  test('takes overrides of 8,192 characters, and fails a job with more when it is its turn', async () => {
    const fits = await batch.submit(fixture('succeed.mjs'), { containerOverrides: overridesOf(8_192) })
    await batch.reaches(fits, JobStatus.SUCCEEDED)
    const exceeds = await batch.submit(fixture('succeed.mjs'), {
      containerOverrides: overridesOf(8_193),
      retryStrategy: { attempts: 3 },
    })
    const { detail } = await batch.reaches(exceeds, JobStatus.FAILED)
    assert.equal(detail.statusReason, 'Container Overrides length must be at most 8192')
    assert.deepEqual(detail.attempts, [])
  })

  test('numbers the revisions of a definition and takes the latest active one', async () => {
    const register = async () => {
      const definition = { jobDefinitionName: 'versioned', type: 'container' as const }
      const containerProperties = { image: 'i', resourceRequirements, command: fixture('succeed.mjs') }
      return await batch.client.send(new RegisterJobDefinitionCommand({ ...definition, containerProperties }))
    }
    const first = await register()
    const second = await register()
    assert.deepEqual([first.revision, second.revision], [1, 2])
    assert.match(second.jobDefinitionArn ?? '', /job-definition\/versioned:2$/)
    const latest = await batch.describe(await batch.submit([], { jobDefinition: 'versioned' }))
    assert.equal(latest.jobDefinition, second.jobDefinitionArn)

    await batch.client.send(new DeregisterJobDefinitionCommand({ jobDefinition: second.jobDefinitionArn }))
    const earlier = await batch.describe(await batch.submit([], { jobDefinition: 'versioned' }))
    assert.equal(earlier.jobDefinition, first.jobDefinitionArn)
    await assert.rejects(batch.submit([], { jobDefinition: 'versioned:2' }), /not found/)

    const listed = await batch.client.send(
      new DescribeJobDefinitionsCommand({ jobDefinitionName: 'versioned', status: 'ACTIVE' }),
    )
    assert.deepEqual(
      listed.jobDefinitions?.map(({ revision, status }) => [revision, status]),
      [[1, 'ACTIVE']],
    )
  })

  test('creates a queue once, and tells of it', async () => {
    const queue = { jobQueueName: 'daily', priority: 50, computeEnvironmentOrder: [] }
    await batch.client.send(new CreateJobQueueCommand(queue))
    await assert.rejects(batch.client.send(new CreateJobQueueCommand(queue)), /Object already exists/)
    const { jobQueues } = await batch.client.send(new DescribeJobQueuesCommand({}))
    assert.deepEqual(
      jobQueues?.map(each => [each.jobQueueName, each.priority, each.state]),
      [
        ['daily', 50, 'ENABLED'],
        ['spot', 1, 'ENABLED'],
      ],
    )
  })

  test('cannot be driven by a web page', async () => {
    const body = JSON.stringify({ jobs: [] })
    const url = `${batch.server.url}/v1/describejobs`
    const own = await fetch(url, { method: 'POST', body })
    assert.equal(own.status, 200)
    const page = await fetch(url, { method: 'POST', body, headers: { origin: 'https://example.com' } })
    assert.equal(page.status, 400)
  })

  test('listens on the loopback only', () => {
    assert.match(batch.server.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  })
})
