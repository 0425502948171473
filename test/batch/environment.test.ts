import assert from 'node:assert/strict'
import { realpathSync } from 'node:fs'
import { test } from 'node:test'
import { RegisterJobDefinitionCommand } from '@aws-sdk/client-batch'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, type LocalBatch, openLocalBatch } from './local-batch.ts'

interface Printed {
  words: string[]
  environment: Record<string, string>
  cwd: string
}

const printed = (batch: LocalBatch, jobId: string): Printed => JSON.parse(batch.logOf(jobId)) as Printed

test('a child is told its id, index, attempt, the size of its array, its queue and its compute environment', async () => {
  await using batch = await openLocalBatch()
  const parent = await batch.submit(fixture('prints-environment.mjs'), { arrayProperties: { size: 2 } })
  await batch.reaches(parent, JobStatus.SUCCEEDED)
  const { environment, cwd } = printed(batch, `${parent}:1`)
  assert.equal(environment.AWS_BATCH_JOB_ID, `${parent}:1`)
  assert.equal(environment.AWS_BATCH_JOB_ARRAY_INDEX, '1')
  assert.equal(environment.AWS_BATCH_JOB_ARRAY_SIZE, '2')
  assert.equal(environment.AWS_BATCH_JOB_ATTEMPT, '1')
  assert.equal(environment.AWS_BATCH_CE_NAME, 'local')
  assert.equal(environment.AWS_BATCH_JQ_NAME, 'spot')
  assert.equal(cwd, realpathSync(batch.dir))
})

test('a plain job is not told of an array', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('prints-environment.mjs'))
  await batch.reaches(jobId, JobStatus.SUCCEEDED)
  const { environment } = printed(batch, jobId)
  assert.equal(environment.AWS_BATCH_JOB_ID, jobId)
  assert.equal('AWS_BATCH_JOB_ARRAY_INDEX' in environment, false)
  assert.equal('AWS_BATCH_JOB_ARRAY_SIZE' in environment, false)
})

test('a job gets the definition’s environment under the submission’s, and nothing of the server’s own', async () => {
  await using batch = await openLocalBatch({ baseEnvironment: { PATH: '/usr/bin:/bin', BASE: 'base' } })
  await batch.client.send(
    new RegisterJobDefinitionCommand({
      jobDefinitionName: 'printer',
      type: 'container',
      parameters: { greeting: 'hello', name: 'nobody' },
      containerProperties: {
        image: 'printer',
        vcpus: 1,
        memory: 64,
        command: fixture('prints-environment.mjs', 'Ref::greeting', 'to=Ref::name', 'Ref::unset'),
        environment: [
          { name: 'KEPT', value: 'definition' },
          { name: 'CHANGED', value: 'definition' },
        ],
      },
    }),
  )
  const jobId = await batch.submit([], {
    jobDefinition: 'printer:1',
    parameters: { name: 'world' },
    containerOverrides: { command: undefined, environment: [{ name: 'CHANGED', value: 'submission' }] },
  })
  await batch.reaches(jobId, JobStatus.SUCCEEDED)
  const { environment, words } = printed(batch, jobId)
  assert.deepEqual(words, ['hello', 'to=world', 'Ref::unset'])
  assert.equal(environment.KEPT, 'definition')
  assert.equal(environment.CHANGED, 'submission')
  assert.equal(environment.BASE, 'base')
  assert.equal('NODE_TEST_CONTEXT' in environment, false)
})

test('what an attempt prints is kept under the name that DescribeJobs tells', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('fail.mjs', '3'), { retryStrategy: { attempts: 2 } })
  await batch.reaches(jobId, JobStatus.FAILED)
  const { attempts, container } = await batch.describe(jobId)
  assert.deepEqual(
    attempts?.map(attempt => attempt.container?.logStreamName),
    [`${jobId}/1.log`, `${jobId}/2.log`],
  )
  assert.equal(container?.logStreamName, `${jobId}/2.log`)
  assert.equal(batch.logOf(jobId, 1), 'failing on purpose\n')
  assert.equal(batch.logOf(jobId, 2), 'failing on purpose\n')
})

test('a program that cannot be started fails as a container that cannot', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(['/no/such/program'])
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'Task failed to start')
  assert.match(detail.container?.reason ?? '', /^CannotStartContainerError: .*ENOENT/)
  assert.equal(detail.container?.exitCode, undefined)
})

test('a job without a command fails likewise', async () => {
  await using batch = await openLocalBatch()
  const { detail } = await batch.reaches(await batch.submit([]), JobStatus.FAILED)
  assert.equal(detail.statusReason, 'Task failed to start')
})
