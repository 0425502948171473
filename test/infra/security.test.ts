import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readServerless } from '../../local/serverless/variables.ts'
import { at, idOf, type Node, ofType, type Packaged, packageService, resource, walk } from './packaged.ts'
import { grantsOf, matches, policiesOf, type Statement, statementsOf, textIn } from './policies.ts'

const buckets = ['DropsBucket', 'StateBucket', 'OutputBucket']
let packaged: Packaged
let template: Packaged['template']
before(async () => {
  packaged = await packageService()
  template = packaged.template
})
after(() => rm(packaged.dir, { recursive: true, force: true }))

const all = (type: string): [string, Node][] =>
  ofType(template, type).map(([id, { Properties }]) => [id, Properties])
const keySchema = (schema: unknown): unknown[] => (schema as Node[]).map(({ AttributeName }) => AttributeName)
const rulesOf = (bucket: string): Node[] =>
  at(template.Resources[bucket], 'Properties.LifecycleConfiguration.Rules') as Node[]
const isOurKey = (value: unknown): boolean =>
  JSON.stringify(value) === JSON.stringify({ 'Fn::GetAtt': ['Key', 'Arn'] })

describe('the key', () => {
  const statements = (): Statement[] =>
    statementsOf(resource(template, 'Key', 'AWS::KMS::Key').KeyPolicy as Node)
  const using = ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:CreateGrant', 'kms:ReEncryptFrom']

  it('is renewed, is not gone at once, outlives the stack as the data do, and has a name', () => {
    const key = resource(template, 'Key', 'AWS::KMS::Key')
    assert.equal(key.EnableKeyRotation, true)
    assert.equal(key.PendingWindowInDays, 30)
    assert.equal(template.Resources.Key?.DeletionPolicy, 'RetainExceptOnCreate')
    assert.deepEqual(resource(template, 'KeyAlias', 'AWS::KMS::Alias'), {
      AliasName: 'alias/millrace-dev',
      TargetKeyId: { Ref: 'Key' },
    })
  })

  it('cannot be used by anybody but through a service: whoever administers it reads nothing', () => {
    for (const { Sid, Action, Condition } of statements()) {
      const uses = Action.filter(action => using.includes(action))
      assert.ok(uses.length === 0 || Condition !== undefined, `${Sid} gives ${uses.join(', ')} to all`)
      const text = JSON.stringify(Condition ?? {})
      if (uses.length > 0)
        assert.match(text, /"kms:(ViaService|EncryptionContext:aws:(sqs:arn|logs:arn|sns:topicArn))"/, Sid)
    }
  })

  it('is for this account and three services, and for nobody else', () => {
    const principals = statements().flatMap(({ Principal }) =>
      [at(Principal, 'AWS') ?? at(Principal, 'Service')].flat().map(textIn),
    )
    assert.deepEqual([...new Set(principals)].toSorted(), [
      'arn:aws:iam::123456789012:root',
      'cloudwatch.amazonaws.com',
      'events.amazonaws.com',
      'logs.us-east-1.amazonaws.com',
    ])
  })

  it('can be used by EventBridge for the queues of this account, or events would be lost silently', () => {
    const found = statements().filter(({ Principal }) => at(Principal, 'Service') === 'events.amazonaws.com')
    assert.deepEqual(found.flatMap(({ Action }) => Action).toSorted(), ['kms:Decrypt', 'kms:GenerateDataKey'])
    const pattern = textIn(at(found[0]?.Condition, 'ArnLike.kms:EncryptionContext:aws:sqs:arn'))
    assert.ok(matches(pattern, 'arn:aws:sqs:us-east-1:123456789012:millrace-dev-DropsQueue-1'))
    assert.ok(!matches(pattern, 'arn:aws:sqs:us-east-1:210987654321:millrace-dev-DropsQueue-1'))
    // EventBridge does not say them to KMS; with them, nothing would arrive.
    assert.doesNotMatch(JSON.stringify(found), /aws:Source/)
  })

  it('can be used by whoever raises alarms for the topic that has them, or nobody would be told', () => {
    const topics = all('AWS::SNS::Topic').map(
      ([, { TopicName }]) => `arn:aws:sns:us-east-1:123456789012:${TopicName}`,
    )
    const found = statements().filter(({ Condition }) => JSON.stringify(Condition ?? {}).includes(':sns:'))
    assert.deepEqual(
      found.map(({ Condition }) =>
        textIn(at(Condition, 'StringEquals.kms:EncryptionContext:aws:sns:topicArn')),
      ),
      topics,
    )
    const senders = ofType(template, 'AWS::SNS::TopicPolicy')
      .flatMap(([, { Properties }]) => statementsOf(Properties.PolicyDocument as Node))
      .map(({ Principal }) => at(Principal, 'Service'))
    assert.deepEqual(at(found[0]?.Principal, 'Service'), senders)
    assert.doesNotMatch(JSON.stringify(found), /aws:Source/)
  })

  it('can be used by CloudWatch Logs for every log group of the template, and for no other stage', () => {
    const service = 'logs.us-east-1.amazonaws.com'
    const found = statements().find(({ Principal }) => textIn(at(Principal, 'Service')) === service)
    const patterns = [at(found?.Condition, 'ArnLike.kms:EncryptionContext:aws:logs:arn')].flat().map(textIn)
    const allowed = (name: string): boolean =>
      patterns.some(pattern => matches(pattern, `arn:aws:logs:us-east-1:123456789012:log-group:${name}`))
    for (const [id, { LogGroupName }] of all('AWS::Logs::LogGroup')) {
      assert.ok(allowed(String(LogGroupName)), id)
      assert.ok(!allowed(String(LogGroupName).replace('dev', 'prod')), id)
    }
  })
})

describe('what is kept', () => {
  it('is encrypted under our key: objects, records, messages, alarms, logs', () => {
    for (const id of buckets) {
      const [rule, ...more] = at(
        template.Resources[id],
        'Properties.BucketEncryption.ServerSideEncryptionConfiguration',
      ) as Node[]
      assert.equal(more.length, 0)
      assert.equal(rule?.BucketKeyEnabled, true, id)
      assert.equal(at(rule, 'ServerSideEncryptionByDefault.SSEAlgorithm'), 'aws:kms', id)
      assert.ok(isOurKey(at(rule, 'ServerSideEncryptionByDefault.KMSMasterKeyID')), id)
    }
    for (const [id, { SSESpecification }] of all('AWS::DynamoDB::Table')) {
      assert.equal(at(SSESpecification, 'SSEEnabled'), true, id)
      assert.equal(at(SSESpecification, 'SSEType'), 'KMS', id)
      assert.ok(isOurKey(at(SSESpecification, 'KMSMasterKeyId')), id)
    }
    for (const type of ['AWS::SQS::Queue', 'AWS::SNS::Topic'])
      for (const [id, { KmsMasterKeyId }] of all(type)) assert.ok(isOurKey(KmsMasterKeyId), id)
    for (const [id, group] of all('AWS::Logs::LogGroup')) assert.ok(isOurKey(group.KmsKeyId), id)
  })

  it('is in no other bucket, but for the code that a deployment brings', () => {
    const others = all('AWS::S3::Bucket').filter(([id]) => !buckets.includes(id))
    assert.deepEqual(
      others.map(([id]) => id),
      ['ServerlessDeploymentBucket'],
    )
    assert.ok(others.every(([, bucket]) => at(bucket, 'BucketEncryption.ServerSideEncryptionConfiguration')))
  })

  it('is private and sent over TLS only', () => {
    const policies = all('AWS::S3::BucketPolicy')
    for (const [id, bucket] of all('AWS::S3::Bucket')) {
      const shut = Object.values(bucket.PublicAccessBlockConfiguration as Node)
      assert.deepEqual(shut, [true, true, true, true], id)
      const [, policy] = policies.find(([, { Bucket }]) => idOf(Bucket) === id) ?? assert.fail(id)
      const [deny, ...more] = statementsOf(policy.PolicyDocument as Node)
      assert.equal(more.length, 0, id)
      assert.equal(deny?.Effect, 'Deny', id)
      assert.deepEqual([deny?.Action, deny?.Principal, deny?.Resource.length], [['s3:*'], '*', 2], id)
      assert.equal(String(at(deny?.Condition, 'Bool.aws:SecureTransport')), 'false', id)
    }
  })

  it('can be brought back for a month when it was overwritten or deleted; abandoned uploads are gone', () => {
    for (const id of buckets) {
      assert.equal(at(template.Resources[id], 'Properties.VersioningConfiguration.Status'), 'Enabled', id)
      const [everywhere, ...more] = rulesOf(id).filter(({ Prefix }) => Prefix === undefined)
      assert.equal(more.length, 0, id)
      assert.deepEqual(everywhere?.NoncurrentVersionExpiration, { NoncurrentDays: 30 }, id)
      assert.deepEqual(everywhere?.AbortIncompleteMultipartUpload, { DaysAfterInitiation: 7 }, id)
      assert.equal(everywhere?.ExpiredObjectDeleteMarker, true, id)
    }
  })

  it('outlives the stack, but is not left behind by a deployment that failed to make it', () => {
    for (const id of ['Table', ...buckets, 'Key']) {
      assert.equal(template.Resources[id]?.DeletionPolicy, 'RetainExceptOnCreate', id)
      assert.equal(at(template.Resources[id], 'UpdateReplacePolicy'), 'Retain', id)
    }
  })

  it('of a split source and of a checkpoint is gone after a week, of a run after a year', () => {
    const expiring = rulesOf('StateBucket').filter(({ Prefix }) => Prefix !== undefined)
    assert.deepEqual(
      expiring.map(rule => [
        rule.Prefix,
        rule.ExpirationInDays,
        at(rule, 'NoncurrentVersionExpiration.NoncurrentDays'),
      ]),
      [
        ['runs/', 365, undefined],
        ['pieces/', 7, 1],
        ['checkpoints/', 7, 1],
      ],
    )
  })

  it('in the drops and the output never expires by itself', () => {
    for (const id of ['DropsBucket', 'OutputBucket']) {
      assert.ok(
        rulesOf(id).every(rule => rule.ExpirationInDays === undefined && rule.ExpirationDate === undefined),
        id,
      )
    }
  })

  it('in the drops bucket, and in it alone, is told to EventBridge', () => {
    const telling = all('AWS::S3::Bucket').filter(([, bucket]) =>
      at(bucket, 'NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled'),
    )
    assert.deepEqual(
      telling.map(([id]) => id),
      ['DropsBucket'],
    )
  })

  it('in the table can be restored, costs nothing while idle, and is found by the two indexes', () => {
    const table = resource(template, 'Table', 'AWS::DynamoDB::Table')
    assert.equal(table.BillingMode, 'PAY_PER_REQUEST')
    assert.equal(at(table, 'PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled'), true)
    assert.deepEqual(keySchema(table.KeySchema), ['pk', 'sk'])
    const indexes = table.GlobalSecondaryIndexes as Node[]
    assert.deepEqual(
      indexes.map(index => [
        index.IndexName,
        keySchema(index.KeySchema),
        at(index, 'Projection.ProjectionType'),
      ]),
      [
        ['open', ['open', 'openSk'], 'ALL'],
        ['pipeline', ['pipeline', 'pipelineSk'], 'ALL'],
      ],
    )
  })

  it('in the table of prod cannot be deleted by anybody; on other stages it can', () => {
    const file = path.resolve(import.meta.dirname, '../../serverless.yml')
    const protectedOn = (stage: string): unknown =>
      (readServerless(file, stage).resources as Node[])
        .map(part => at(part, 'Resources.Table.Properties.DeletionProtectionEnabled'))
        .find(value => value !== undefined)
    assert.equal(protectedOn('prod'), true)
    assert.equal(protectedOn('dev'), false)
  })
})

describe('who may use the key', () => {
  const readers: Record<string, RegExp> = {
    dynamodb: /^dynamodb:/,
    s3: /^s3:(GetObject|PutObject)/,
    sqs: /^sqs:(ReceiveMessage|SendMessage)$/,
  }
  const writers: Record<string, RegExp> = { s3: /^s3:PutObject$/, sqs: /^sqs:SendMessage$/ }

  it('is who may read or write what it encrypts, through just these services', () => {
    const through = (actions: string[], services: Record<string, RegExp>): string[] =>
      Object.keys(services)
        .filter(service => actions.some(action => services[service]?.test(action)))
        .map(service => `${service}.us-east-1.amazonaws.com`)
    for (const [id] of all('AWS::IAM::Role')) {
      const grants = grantsOf(id, template)
      const actions = grants.flatMap(({ Action }) => Action)
      const given = (action: string): unknown[] =>
        grants
          .filter(({ Action }) => Action.includes(action))
          .flatMap(({ Condition }) => at(Condition, 'StringEquals.kms:ViaService'))
          .map(textIn)
          .toSorted()
      assert.deepEqual(given('kms:Decrypt'), through(actions, readers), `${id} decrypts`)
      assert.deepEqual(given('kms:GenerateDataKey'), through(actions, writers), `${id} encrypts`)
    }
  })

  it('is given these two actions, on our key alone', () => {
    for (const [id] of all('AWS::IAM::Role')) {
      for (const { Action, Resource } of grantsOf(id, template)) {
        const onKeys = Action.filter(action => action.startsWith('kms:'))
        if (onKeys.length === 0) continue
        assert.deepEqual(onKeys, Action, id)
        assert.ok(
          onKeys.every(action => ['kms:Decrypt', 'kms:GenerateDataKey'].includes(action)),
          id,
        )
        assert.ok(Resource.length === 1 && isOurKey(Resource[0]), id)
      }
    }
  })
})

describe('what fails', () => {
  it('in a queue comes to rest in another, where it is kept for 14 days', () => {
    const redrive = (queue: Node): unknown => at(queue, 'RedrivePolicy.deadLetterTargetArn')
    const ends = new Set(
      all('AWS::SQS::Queue').flatMap(([, queue]) =>
        redrive(queue) === undefined ? [] : idOf(redrive(queue)),
      ),
    )
    for (const [, rule] of all('AWS::Events::Rule'))
      for (const target of rule.Targets as Node[]) ends.add(idOf(at(target, 'DeadLetterConfig.Arn')))
    for (const [id, queue] of all('AWS::SQS::Queue')) {
      assert.ok(redrive(queue) !== undefined || ends.has(id), `${id} has no redrive and is none`)
      assert.equal(queue.MessageRetentionPeriod, 1_209_600, id)
    }
  })

  it('has a way out, whichever way it came in', () => {
    const kept = new Set(
      all('AWS::Lambda::EventInvokeConfig')
        .filter(([, config]) => at(config, 'DestinationConfig.OnFailure.Destination') !== undefined)
        .map(([, { FunctionName }]) => idOf(FunctionName)),
    )
    for (const [id, { EventSourceArn }] of all('AWS::Lambda::EventSourceMapping')) {
      const source = resource(template, idOf(EventSourceArn), 'AWS::SQS::Queue')
      assert.ok(at(source, 'RedrivePolicy.deadLetterTargetArn'), id)
    }
    for (const [id, { Target }] of all('AWS::Scheduler::Schedule'))
      assert.ok(kept.has(idOf(at(Target, 'Arn'))), id)
    for (const [id, { Targets }] of all('AWS::Events::Rule')) {
      for (const target of Targets as Node[]) {
        assert.ok(at(target, 'DeadLetterConfig.Arn'), id)
        const worker = idOf(target.Arn)
        if (template.Resources[worker]?.Type === 'AWS::Lambda::Function') assert.ok(kept.has(worker), id)
      }
    }
  })

  it('can be looked up in logs that forget', () => {
    for (const [id, { RetentionInDays }] of all('AWS::Logs::LogGroup')) assert.equal(RetentionInDays, 30, id)
  })
})

describe('the whole template', () => {
  it('allows no wildcard action in any policy of anything', () => {
    const policies = policiesOf(template)
    assert.ok(policies.length >= 19, `only ${policies.length} policies found`)
    for (const { where, statements } of policies) {
      for (const { Effect, Action, rest } of statements) {
        assert.ok(!('NotAction' in rest) && !('NotPrincipal' in rest) && !('NotResource' in rest), where)
        if (Effect === 'Allow')
          assert.deepEqual(
            Action.filter(action => /[*?]/.test(action)),
            [],
            where,
          )
      }
    }
  })

  it('opens nothing to everybody', () => {
    for (const { where, statements } of policiesOf(template)) {
      for (const { Effect, Principal } of statements) {
        if (Effect === 'Allow') assert.doesNotMatch(JSON.stringify(Principal ?? null), /"\*"/, where)
      }
    }
  })

  it('holds no secret: where one is needed, its name stands', () => {
    const shapes = /xox[a-z]-|hooks\.slack\.com|AKIA[0-9A-Z]{16}|-----BEGIN|gh[pousr]_[A-Za-z0-9]{20}/
    const named = /password|passwd|token|secret|credential|apikey|privatekey/i
    /** No secrets, whatever they are called: a name in Secrets Manager, and an option of EC2. */
    const exceptions = ['MILLRACE_SLACK_SECRET', 'HttpTokens']
    for (const { where, value } of walk(template)) {
      if (typeof value !== 'string') continue
      assert.doesNotMatch(value, shapes, where.join('.'))
      const last = where.at(-1) ?? ''
      if (exceptions.includes(last)) continue
      assert.ok(!named.test(last) || value === '', `${where.join('.')} looks like a secret`)
    }
  })
})
