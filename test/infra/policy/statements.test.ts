/** The evaluator itself, held against what AWS's own pages say of it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DescribeJobsCommand, TerminateJobCommand } from '@aws-sdk/client-batch'
import { startLoopback } from '../../aws/loopback.ts'
import { needsOf } from './needs.ts'
import { record } from './recorder.ts'
import { account, region, resolved } from './resolve.ts'
import { allows, type Grant, grantsIn, judge, matches, type Need } from './statements.ts'

const queue = 'arn:aws:batch:us-east-1:123456789012:job-queue'
const statement = { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::state/runs/*' }
const [grant] = grantsIn(statement, 'here') as [Grant]
const reads = (resource: string): Need => ({ action: 's3:GetObject', resource })

describe('a pattern', () => {
  for (const [pattern, text, fits] of [
    ['arn:aws:s3:::b/*', 'arn:aws:s3:::b/a/deep/key', true],
    ['arn:aws:s3:::b/*', 'arn:aws:s3:::b', false],
    ['arn:aws:s3:::b/*', 'arn:aws:s3:::bb/a', false],
    ['arn:aws:s3:::b', 'arn:aws:s3:::b/a', false],
    ['secret:slack-??????', 'secret:slack-AbCdEf', true],
    ['secret:slack-??????', 'secret:slack-two-AbCdEf', false],
    ['a.b+c', 'a.b+c', true],
    ['a.b', 'axb', false],
    ['*', 'a\nb', true],
  ] as const) {
    it(`${pattern} ${fits ? 'can' : 'cannot'} be ${JSON.stringify(text)}`, () => {
      assert.equal(matches(pattern, text), fits)
    })
  }
})

describe('a grant', () => {
  it('can be used for its action, in whatever case, on its resources', () => {
    assert.ok(allows(grant, reads('arn:aws:s3:::state/runs/r/run.json')))
    assert.ok(allows(grant, { ...reads('arn:aws:s3:::state/runs/r'), action: 'S3:getobject' }))
  })

  it('cannot be used for another action or resource', () => {
    assert.ok(!allows(grant, { ...reads('arn:aws:s3:::state/runs/r'), action: 's3:GetObjectVersion' }))
    assert.ok(!allows(grant, reads('arn:aws:s3:::state/pieces/r')))
    assert.ok(!allows(grant, reads('arn:aws:s3:::state/RUNS/r')))
  })

  it('under a condition holds for the calls that meet it, and not for those that say nothing of it', () => {
    const [passing] = grantsIn(
      {
        Effect: 'Allow',
        Action: 'iam:PassRole',
        Resource: 'role',
        Condition: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
      },
      'here',
    ) as [Grant]
    const need = { action: 'iam:PassRole', resource: 'role' }
    assert.ok(allows(passing, { ...need, context: { 'iam:PassedToService': 'scheduler.amazonaws.com' } }))
    assert.ok(!allows(passing, { ...need, context: { 'iam:PassedToService': 'lambda.amazonaws.com' } }))
    assert.ok(!allows(passing, need))
  })

  it('of several values is one for each, so that one that nobody uses is seen', () => {
    const Condition = { StringEquals: { 'kms:ViaService': ['s3', 'sqs'] } }
    const grants = grantsIn({ ...statement, Action: 'kms:Decrypt', Resource: 'key', Condition }, 'here')
    const need = { action: 'kms:Decrypt', resource: 'key', context: { 'kms:ViaService': 's3' } }
    const { outside, unused } = judge(new Map([['Role', grants]]), [{ role: 'Role', need }])
    assert.deepEqual(outside, [])
    assert.deepEqual(unused, ['Role: kms:Decrypt on key if kms:ViaService is sqs'])
  })

  it('that would be read wrongly is refused: a denial, an exception, a condition of another kind', () => {
    for (const strange of [
      { ...statement, Effect: 'Deny' },
      { Effect: 'Allow', NotAction: 's3:*', Resource: '*' },
      { ...statement, Condition: { Bool: { 'aws:SecureTransport': 'true' } } },
    ]) {
      assert.throws(() => grantsIn(strange, 'here'), /here: .* not evaluated/)
    }
  })
})

describe('the judge', () => {
  const roles = new Map([['Role', [grant]]])

  it('names a call outside the role, and the grant that it left unused', () => {
    const used = [{ role: 'Role', need: reads('arn:aws:s3:::output/x') }]
    assert.deepEqual(judge(roles, used), {
      outside: ['Role: s3:GetObject on arn:aws:s3:::output/x'],
      unused: ['Role: s3:GetObject on arn:aws:s3:::state/runs/*'],
    })
  })

  it('cannot be satisfied by the grant of another role', () => {
    const used = [{ role: 'Other', need: reads('arn:aws:s3:::state/runs/r') }]
    assert.deepEqual(judge(roles, used).outside, ['Other: s3:GetObject on arn:aws:s3:::state/runs/r'])
  })

  it('says nothing where all is used and allowed', () => {
    const used = [{ role: 'Role', need: reads('arn:aws:s3:::state/runs/r') }]
    assert.deepEqual(judge(roles, used), { outside: [], unused: [] })
  })
})

describe('a command', () => {
  it('needs both the queue and the definition to submit a job', () => {
    assert.deepEqual(needsOf('SubmitJobCommand', { jobQueue: 'spot', jobDefinition: 'worker' }), [
      { action: 'batch:SubmitJob', resource: `${queue}/spot` },
      { action: 'batch:SubmitJob', resource: `arn:aws:batch:${region}:${account}:job-definition/worker` },
    ])
  })

  it('needs another permission for a version than for the latest one', () => {
    const ref = { Bucket: 'b', Key: 'k' }
    assert.equal(needsOf('HeadObjectCommand', ref)[0]?.action, 's3:GetObject')
    assert.deepEqual(
      needsOf('HeadObjectCommand', { ...ref, VersionId: 'v' }).map(({ action }) => action),
      ['s3:GetObjectVersion'],
    )
  })

  it('that is not known cannot go unjudged', () => {
    assert.throws(() => needsOf('DeleteTableCommand', {}), /DeleteTableCommand is not known/)
  })
})

describe('the recorder', () => {
  it('tells what a client needs and lets its call through, though it is refused', async () => {
    const aws = await startLoopback()
    const told: Need[] = []
    try {
      record(aws.clients.batch, needs => told.push(...needs))
      aws.answerWith({ body: { jobs: [] } }, { error: 'ClientException' })

      await aws.clients.batch.send(new DescribeJobsCommand({ jobs: ['j'] }))
      await assert.rejects(aws.clients.batch.send(new TerminateJobCommand({ jobId: 'j', reason: 'r' })))
    } finally {
      await aws.stop()
    }
    assert.deepEqual(told, [
      { action: 'batch:DescribeJobs', resource: '*' },
      { action: 'batch:TerminateJob', resource: `arn:aws:batch:${region}:${account}:job/j` },
    ])
    assert.equal(aws.requests.length, 2)
  })
})

describe('a reference', () => {
  const template = {
    Resources: { Bucket: { Type: 'AWS::S3::Bucket', Properties: { BucketName: 'named' } } },
    Conditions: { Never: { 'Fn::Equals': ['', 'x'] } },
    Outputs: {},
  }

  it('is filled in as CloudFormation would', () => {
    const value = {
      arn: { 'Fn::GetAtt': ['Bucket', 'Arn'] },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation's own placeholders.
      all: { 'Fn::Sub': '${Bucket.Arn}/*' },
      gone: { 'Fn::If': ['Never', 1, { Ref: 'AWS::NoValue' }] },
    }
    assert.deepEqual(resolved(value, template), { arn: 'arn:aws:s3:::named', all: 'arn:aws:s3:::named/*' })
  })

  it('to what is not there cannot be filled in', () => {
    assert.throws(() => resolved({ Ref: 'Other' }, template), /no Other/)
    assert.throws(() => resolved({ 'Fn::GetAtt': ['Bucket', 'Colour'] }, template), /Bucket\.Colour/)
    assert.throws(() => resolved({ 'Fn::Cidr': [] }, template), /Fn::Cidr/)
  })
})
