/** Multi-node parallel jobs, secrets and what else a definition may hold, on one machine. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  DescribeJobDefinitionsCommand,
  RegisterJobDefinitionCommand,
  type RegisterJobDefinitionCommandInput,
} from '@aws-sdk/client-batch'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, gone, type LocalBatch, openLocalBatch, ready } from './local-batch.ts'

const container = {
  image: 'program',
  resourceRequirements: [
    { type: 'VCPU' as const, value: '1' },
    { type: 'MEMORY' as const, value: '64' },
  ],
}
const parallel = (numNodes: number, command: string[]): RegisterJobDefinitionCommandInput => ({
  jobDefinitionName: 'parallel',
  type: 'multinode',
  nodeProperties: {
    numNodes,
    mainNode: 0,
    nodeRangeProperties: [{ targetNodes: '0:', container: { ...container, command } }],
  },
})
const register = (batch: LocalBatch, definition: RegisterJobDefinitionCommandInput): Promise<unknown> =>
  batch.client.send(new RegisterJobDefinitionCommand(definition))
const overrides = (numNodes?: number) => ({
  jobDefinition: 'parallel',
  containerOverrides: undefined,
  nodeOverrides: { ...(numNodes && { numNodes }), nodePropertyOverrides: [] },
})
const environmentIn = (log: string): Record<string, string> => JSON.parse(log).environment

test('every node of a job finds its number, and the others where the main one is', async () => {
  await using batch = await openLocalBatch()
  await register(batch, parallel(2, fixture('prints-environment.mjs')))
  // The main node outlives the others, whose words would be cut off by its end.
  const command = `${process.execPath} ${fixture('prints-environment.mjs')[1]}; [ $AWS_BATCH_JOB_NODE_INDEX = 0 ] && sleep 0.5; true`
  const jobId = await batch.submit([], {
    jobDefinition: 'parallel',
    containerOverrides: undefined,
    nodeOverrides: {
      numNodes: 3,
      nodePropertyOverrides: [{ targetNodes: '0:', containerOverrides: { command: ['sh', '-c', command] } }],
    },
  })
  await batch.reaches(jobId, JobStatus.SUCCEEDED)
  const seen = [jobId, `${jobId}#1`, `${jobId}#2`].map(node => environmentIn(batch.logOf(node)))
  assert.deepEqual(
    seen.map(each => [each.AWS_BATCH_JOB_ID, each.AWS_BATCH_JOB_NODE_INDEX, each.AWS_BATCH_JOB_NUM_NODES]),
    [
      [`${jobId}#0`, '0', '3'],
      [`${jobId}#1`, '1', '3'],
      [`${jobId}#2`, '2', '3'],
    ],
  )
  assert.deepEqual(
    seen.map(each => each.AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS),
    [undefined, '127.0.0.1', '127.0.0.1'],
  )
  const job = await batch.describe(jobId)
  assert.deepEqual([job.nodeProperties?.numNodes, job.nodeProperties?.mainNode], [3, 0])
})

test('a job ends with its main node, and takes the others with it', async () => {
  await using batch = await openLocalBatch()
  const script =
    '[ $AWS_BATCH_JOB_NODE_INDEX = 0 ] || { echo ready $$; exec sleep 600; }; read x < go; exit 3'
  await register(batch, parallel(2, ['sh', '-c', `[ -p go ] || mkfifo go 2>/dev/null; ${script}`]))
  const jobId = await batch.submit([], overrides())
  await ready(batch, `${jobId}#1`)
  const pid = Number(/ready (\d+)/.exec(batch.logOf(`${jobId}#1`))?.[1])
  writeFileSync(`${batch.dir}/go`, 'x\n')
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.container?.exitCode, 3)
  await gone(pid)
})

test('another node that fails does not end the job', async () => {
  await using batch = await openLocalBatch()
  await register(batch, parallel(2, ['sh', '-c', 'exit $AWS_BATCH_JOB_NODE_INDEX']))
  await batch.reaches(await batch.submit([], overrides()), JobStatus.SUCCEEDED)
})

test('a multi-node job cannot be an array, nor a plain one have nodes', async () => {
  await using batch = await openLocalBatch()
  await register(batch, parallel(2, ['true']))
  const array = { ...overrides(), arrayProperties: { size: 2 } }
  await assert.rejects(batch.submit([], array), /cannot be an array/)
  await assert.rejects(
    batch.submit([], { ...overrides(), jobDefinition: 'program' }),
    /for multi-node parallel jobs only/,
  )
})

test('a secret is the value that the server finds, and is shown by its place alone', async () => {
  await using batch = await openLocalBatch({ secretOf: name => (name === 'TOKEN' ? 'hush-hush' : undefined) })
  const secrets = [{ name: 'TOKEN', valueFrom: 'arn:aws:ssm:us-east-1:000000000000:parameter/token' }]
  const command = fixture('prints-environment.mjs')
  await register(batch, {
    jobDefinitionName: 'secretive',
    type: 'container',
    containerProperties: { ...container, command, secrets },
  })
  const jobId = await batch.submit(command, { jobDefinition: 'secretive' })
  const ended = await batch.reaches(jobId, JobStatus.SUCCEEDED)
  assert.equal(environmentIn(batch.logOf(jobId)).TOKEN, 'hush-hush')
  const job = await batch.describe(jobId)
  assert.deepEqual(job.container?.secrets, secrets)
  for (const said of [job, ended, batch.events]) assert.ok(!JSON.stringify(said).includes('hush-hush'))
})

test('a job whose secret nobody has given does not start, and says which variable it lacks', async () => {
  await using batch = await openLocalBatch()
  const secrets = [{ name: 'TOKEN', valueFrom: 'token' }]
  await register(batch, {
    jobDefinitionName: 'secretive',
    type: 'container',
    containerProperties: { ...container, command: ['true'], secrets },
  })
  const jobId = await batch.submit(['true'], { jobDefinition: 'secretive' })
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.statusReason, 'Task failed to start')
  assert.match(detail.container?.reason ?? '', /^ResourceInitializationError: no value for TOKEN: /)
})

test('a definition shows again what has no meaning on one machine', async () => {
  await using batch = await openLocalBatch()
  const more = {
    volumes: [{ name: 'data', host: { sourcePath: '/data' } }],
    mountPoints: [{ sourceVolume: 'data', containerPath: '/mnt/data', readOnly: true }],
    ulimits: [{ name: 'nofile', softLimit: 1024, hardLimit: 4096 }],
    readonlyRootFilesystem: true,
    linuxParameters: { initProcessEnabled: true },
    logConfiguration: { logDriver: 'awslogs' as const, options: { 'awslogs-group': 'g' } },
  }
  await register(batch, {
    jobDefinitionName: 'rich',
    type: 'container',
    containerProperties: { ...container, ...more },
  })
  const { jobDefinitions = [] } = await batch.client.send(
    new DescribeJobDefinitionsCommand({ jobDefinitionName: 'rich' }),
  )
  assert.deepEqual(jobDefinitions[0]?.containerProperties, { ...container, ...more })
  const jobId = await batch.submit(['true'], {
    jobDefinition: 'rich',
    shareIdentifier: 'team',
    schedulingPriorityOverride: 7,
  })
  const { detail } = await batch.reaches(jobId, JobStatus.SUCCEEDED)
  assert.equal(detail.shareIdentifier, 'team')
})
