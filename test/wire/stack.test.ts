/** The packaged template, taken by a CloudFormation that somebody else wrote: what it makes is what the template says. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { BatchClient, DescribeJobDefinitionsCommand } from '@aws-sdk/client-batch'
import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  ListTablesCommand,
} from '@aws-sdk/client-dynamodb'
import {
  DescribeRuleCommand,
  EventBridgeClient,
  ListEventBusesCommand,
  ListRulesCommand,
  ListTargetsByRuleCommand,
} from '@aws-sdk/client-eventbridge'
import {
  GetBucketEncryptionCommand,
  GetBucketVersioningCommand,
  ListBucketsCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { CreateScheduleCommand, GetScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler'
import { GetQueueAttributesCommand, ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { pipelines, pipelineWith } from '../infra/batch/pipelines.ts'
import { at, type Node, ofType, type Packaged, packagePipelines, type Resource } from '../infra/packaged.ts'
import { nameOf, resolved } from '../infra/policy/resolve.ts'
import { credentials, region, type Server, secondOpinions } from './servers.ts'
import { createStack, fittings, passedOver, type Stack } from './story/stack.ts'

const { moto } = secondOpinions
const whole = { prefix: 'whole/', format: 'lines' as const }
/** moto 5.2.5 makes no multi-node job definition of a stack. */
const known = pipelines.filter(({ job }) => job.nodes === undefined)
/** What else is made of a pipeline: a schedule, and a rule for a bucket of the user's. */
const listening = [
  pipelineWith('nightly', {}, { source: { ...whole, schedule: { expression: 'cron(0 2 * * ? *)' } } }),
  pipelineWith('lake', {}, { source: { ...whole, bucket: 'somebodys-lake' } }),
]

if (moto.missing === undefined) describe('the packaged template', onMoto)
else it('cannot ask moto to make a stack of the packaged template', { skip: moto.missing })

function onMoto(): void {
  let server: Server
  let packaged: Packaged
  let stack: Stack
  const of = (type: string): [string, Resource][] => ofType(stack.template, type)
  const filled = (value: unknown): unknown => resolved(value, stack.template)
  const physical = (id: string): string => stack.physicalIds.get(id) ?? ''
  const kept = (type: string): string[] =>
    of(type)
      .filter(([, { DeletionPolicy }]) => DeletionPolicy?.startsWith('Retain'))
      .map(([id]) => physical(id))
  const client = <Client>(kind: new (options: object) => Client): Client =>
    new kind({ region, credentials, endpoint: server.url, maxAttempts: 1, forcePathStyle: true })

  before(async () => {
    server = await moto.start()
    packaged = await packagePipelines([...known, ...listening])
    stack = await createStack(server.url, packaged.template)
  })
  after(async () => {
    await server.stop()
    await rm(packaged.dir, { recursive: true, force: true })
  })

  it('becomes a stack, whole but for what moto passes over', () => {
    const { Resources } = packaged.template
    const without = Object.values(fittings).flatMap(fitting => fitting.without ?? [])
    const missing = Object.entries(Resources).filter(([id]) => !stack.physicalIds.has(id))
    const types = new Set(missing.map(([, { Type }]) => Type).filter(type => !without.includes(type)))
    assert.deepEqual([...types].toSorted(), [...passedOver].toSorted())
  })

  it('has outputs that say where things are', () => {
    for (const id of ['Table', 'DropsBucket', 'StateBucket', 'OutputBucket', 'DropsDlq']) {
      assert.equal(stack.outputs[id], physical(id), id)
    }
    assert.deepEqual(
      Object.keys(packaged.template.Outputs).filter(name => stack.outputs[name] === undefined),
      [],
    )
  })

  it('makes the table with its keys, its indexes and its price', async () => {
    const dynamodb = client(DynamoDBClient)
    for (const [id, { Properties }] of of('AWS::DynamoDB::Table')) {
      const { Table = {} } = await dynamodb.send(new DescribeTableCommand({ TableName: physical(id) }))
      for (const property of ['AttributeDefinitions', 'KeySchema', 'DeletionProtectionEnabled'] as const) {
        assert.deepEqual(Table[property], filled(Properties[property]), property)
      }
      assert.equal(Table.BillingModeSummary?.BillingMode, Properties.BillingMode)
      const indexes = (Table.GlobalSecondaryIndexes ?? []).map(({ IndexName, KeySchema, Projection }) => ({
        IndexName,
        KeySchema,
        Projection,
      }))
      assert.deepEqual(indexes, Properties.GlobalSecondaryIndexes)
    }
  })

  it('makes every queue as it says, and its dead-letter queue is the one that is meant', async () => {
    const sqs = client(SQSClient)
    for (const [id, { Properties }] of of('AWS::SQS::Queue')) {
      const asked = { QueueUrl: physical(id), AttributeNames: ['All' as const] }
      const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand(asked))
      for (const [property, value] of Object.entries(Properties)) {
        if (property === 'QueueName' || property === 'Tags') continue
        const said = Object(Attributes)[property] as string | undefined
        const found = property === 'RedrivePolicy' ? JSON.parse(said ?? '{}') : said
        const wanted = filled(value)
        assert.deepEqual(found, typeof wanted === 'object' ? wanted : String(wanted), `${id}.${property}`)
      }
    }
  })

  it('makes every bucket encrypted with its own key', async () => {
    const s3 = client(S3Client)
    const own = of('AWS::S3::Bucket').filter(([id]) => id !== 'ServerlessDeploymentBucket')
    for (const [id, { Properties }] of own) {
      const said = await s3.send(new GetBucketEncryptionCommand({ Bucket: physical(id) }))
      const [rule] = said.ServerSideEncryptionConfiguration?.Rules ?? []
      const [wanted] = filled(at(Properties, 'BucketEncryption.ServerSideEncryptionConfiguration')) as Node[]
      assert.deepEqual(rule?.ApplyServerSideEncryptionByDefault, wanted?.ServerSideEncryptionByDefault, id)
    }
  })

  it('makes every rule on its bus, with its pattern and its targets', async () => {
    const events = client(EventBridgeClient)
    for (const [id, { Properties }] of of('AWS::Events::Rule')) {
      const EventBusName = String(filled(Properties.EventBusName) ?? 'default')
      const Name = physical(id)
      const rule = await events.send(new DescribeRuleCommand({ Name, EventBusName }))
      assert.deepEqual(JSON.parse(rule.EventPattern ?? '{}'), filled(Properties.EventPattern), id)
      assert.equal(rule.State, Properties.State ?? 'ENABLED')
      const { Targets } = await events.send(new ListTargetsByRuleCommand({ Rule: Name, EventBusName }))
      assert.deepEqual(Targets, filled(Properties.Targets), id)
    }
  })

  it('makes every function with its role, its limits, and the names of what it works on', async () => {
    const declared = of('AWS::Lambda::Function')
    for (const [id, { Properties }] of declared) {
      const answer = await rest(server.url, 'lambda', `/2015-03-31/functions/${physical(id)}`)
      const { Role, Timeout, MemorySize, Environment } = answer.Configuration as Node
      const wanted = [Properties.Role, Properties.Timeout, Properties.MemorySize, Properties.Environment]
      assert.deepEqual([Role, Timeout, MemorySize, Environment], filled(wanted), id)
    }
    const answer = await rest(server.url, 'lambda', '/2015-03-31/event-source-mappings/')
    const sources = (answer.EventSourceMappings as Node[]).map(one => one.EventSourceArn)
    const wanted = of('AWS::Lambda::EventSourceMapping').map(([, { Properties }]) =>
      filled(Properties.EventSourceArn),
    )
    assert.deepEqual(sources.toSorted(), wanted.toSorted())
  })

  it('makes every job definition of a container, with its role and what it is told', async () => {
    const { jobDefinitions = [] } = await client(BatchClient).send(new DescribeJobDefinitionsCommand({}))
    for (const [id, { Properties }] of of('AWS::Batch::JobDefinition')) {
      const made = jobDefinitions.find(one => one.jobDefinitionArn === physical(id))
      assert.equal(made?.jobDefinitionName, nameOf(id, stack.template))
      if (Properties.ContainerProperties === undefined) continue
      const { JobRoleArn, Environment, Image } = filled(Properties.ContainerProperties) as Node
      const { jobRoleArn, environment, image } = made?.containerProperties ?? {}
      assert.deepEqual([jobRoleArn, image], [JobRoleArn, Image], id)
      const wanted = (Environment as Node[]).map(({ Name, Value }) => ({ name: Name, value: Value }))
      assert.deepEqual(environment, wanted, id)
    }
  })

  it('has schedules that Scheduler takes, though not from moto’s CloudFormation', async () => {
    const scheduler = client(SchedulerClient)
    for (const [id, { Properties }] of of('AWS::Scheduler::Schedule')) {
      const asked = { Name: id, ...(filled(Properties) as Node) }
      await scheduler.send(new CreateScheduleCommand(asked as never))
      const made = await scheduler.send(new GetScheduleCommand({ Name: asked.Name }))
      assert.partialDeepStrictEqual(made, asked, id)
    }
  })

  it('goes with its stack, but for the table and the buckets that are kept', async () => {
    await stack.remove()
    const { Rules } = await client(EventBridgeClient).send(new ListRulesCommand({}))
    const { EventBuses = [] } = await client(EventBridgeClient).send(new ListEventBusesCommand({}))
    const { QueueUrls } = await client(SQSClient).send(new ListQueuesCommand({}))
    const { TableNames } = await client(DynamoDBClient).send(new ListTablesCommand({}))
    const { Buckets = [] } = await client(S3Client).send(new ListBucketsCommand({}))
    const { Functions } = await rest(server.url, 'lambda', '/2015-03-31/functions/')
    assert.deepEqual({ Rules, QueueUrls, Functions }, { Rules: [], QueueUrls: undefined, Functions: [] })
    assert.deepEqual(
      EventBuses.map(({ Name }) => Name),
      ['default'],
    )
    assert.deepEqual(TableNames, kept('AWS::DynamoDB::Table'))
    assert.deepEqual(Buckets.map(({ Name }) => Name).toSorted(), kept('AWS::S3::Bucket').toSorted())
  })

  describe('would have been fitted in vain', () => {
    for (const [name, { neededFor, reason }] of Object.entries(fittings)) {
      it(`if moto did not need "${name}": ${reason}`, async () => {
        await reset(server.url)
        const { [name]: _, ...others } = fittings
        const made = createStack(server.url, packaged.template, others)
        if (neededFor === 'create') return assert.rejects(made)
        await assert.rejects((await made).remove())
      })
    }
  })

  // Asked of the versions, the lifecycle and so on: test/infra/security.test.ts. Here moto would have to know them.
  it('says more than moto keeps of a stack: versions of a bucket, expiry and point-in-time recovery of a table', async () => {
    await reset(server.url)
    stack = await createStack(server.url, packaged.template)
    const versions = await client(S3Client).send(
      new GetBucketVersioningCommand({ Bucket: physical('StateBucket') }),
    )
    const dynamodb = client(DynamoDBClient)
    const TableName = physical('Table')
    const expiry = await dynamodb.send(new DescribeTimeToLiveCommand({ TableName }))
    const backups = await dynamodb.send(new DescribeContinuousBackupsCommand({ TableName }))
    assert.deepEqual(
      [
        versions.Status,
        expiry.TimeToLiveDescription?.TimeToLiveStatus,
        backups.ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus,
      ],
      [undefined, 'DISABLED', 'DISABLED'],
    )
  })
}

async function reset(url: string): Promise<void> {
  await fetch(`${url}/moto-api/reset`, { method: 'POST' })
}

/** moto checks no signature, and looks for the service's name in it. */
async function rest(url: string, service: string, path: string): Promise<Node> {
  const authorization = `AWS4-HMAC-SHA256 Credential=wire/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`
  const response = await fetch(new URL(path, url), { headers: { authorization } })
  assert.ok(response.ok, `${path}: ${response.status}`)
  return (await response.json()) as Node
}
