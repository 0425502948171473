/** What the jobs of a pipeline may do: their own, and nothing of a pipeline whose name begins alike. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { outputKeys, stateKeys } from '../../../shared/documents.ts'
import { recordKeys } from '../../../shared/records.ts'
import { at, idOf, type Node, ofType, type Packaged, packagePipelines } from '../packaged.ts'
import { containerOf } from '../policy/callers.ts'
import { arnOf } from '../policy/resolve.ts'
import { allows, type Grant, grantsOf, type Need } from '../policy/statements.ts'
import { pipelines } from './pipelines.ts'

describe('the roles of jobs', () => {
  let packaged: Packaged
  let grants: Map<string, Grant[]>
  before(async () => {
    packaged = await packagePipelines(pipelines)
    grants = grantsOf(packaged.template)
  })
  after(() => rm(packaged.dir, { recursive: true, force: true }))

  const containers = (): [string, Node][] =>
    ofType(packaged.template, 'AWS::Batch::JobDefinition').map(([, { Properties }]) => [
      String(at(Properties, 'Tags.pipeline')),
      containerOf(Properties),
    ])
  const roleOf = (pipeline: string, kind: 'JobRoleArn' | 'ExecutionRoleArn'): string => {
    const [, container] = containers().find(([name]) => name === pipeline) ?? assert.fail(pipeline)
    return idOf(container[kind])
  }
  const may = (role: string, need: Need): boolean =>
    (grants.get(role) ?? []).some(grant => allows(grant, need))

  const bucket = (id: string): string => `arn:aws:s3:::made-up-${id.toLowerCase()}bucket`
  const onTable = (action: string, runId: string): Need => ({
    action: `dynamodb:${action}`,
    resource: arnOf('dynamodb', 'table/made-up-table'),
    context: { 'dynamodb:LeadingKeys': recordKeys.partition(runId, 1).pk },
  })

  /** What a worker asks for on behalf of a run of that pipeline. */
  function needsOf(name: string): Need[] {
    const runId = `${name}_0123456789abcdef`
    const inState = (action: string, key: string): Need => ({
      action,
      resource: `${bucket('state')}/${key}`,
    })
    const outputKey = `${outputKeys.runPrefix(`curated/${name}/`, runId)}day=1/part-00000001-1.parquet`
    const kept = `${stateKeys.checkpoints(runId, 1)}1`
    return [
      { action: 's3:GetObjectVersion', resource: `${bucket('drops')}/${name}/file.txt` },
      { action: 's3:GetObject', resource: `${bucket('drops')}/${name}/file.txt` },
      inState('s3:GetObject', stateKeys.run(runId)),
      inState('s3:GetObject', stateKeys.assignments(runId, 1, 0)),
      inState('s3:GetObject', stateKeys.piece(runId, 1)),
      inState('s3:PutObject', stateKeys.piece(runId, 1)),
      inState('s3:PutObject', stateKeys.rejects(runId, 1, 1)),
      ...['s3:GetObject', 's3:PutObject', 's3:DeleteObject'].map(action => inState(action, kept)),
      ...['pieces', 'checkpoints'].map(folder => ({
        action: 's3:ListBucket',
        resource: bucket('state'),
        context: { 's3:prefix': `${folder}/${runId}/` },
      })),
      ...['s3:GetObject', 's3:PutObject', 's3:DeleteObject'].map(action => ({
        action,
        resource: `${bucket('output')}/${outputKey}`,
      })),
      onTable('GetItem', runId),
      onTable('UpdateItem', runId),
    ]
  }

  it('let each do all of its own', () => {
    for (const { name } of pipelines) {
      const refused = needsOf(name).filter(need => !may(roleOf(name, 'JobRoleArn'), need))
      assert.deepEqual(refused, [], name)
    }
  })

  it('cannot touch anything of another pipeline, nor of one whose name begins alike', () => {
    for (const { name } of pipelines) {
      for (const { name: other } of pipelines.filter(one => one.name !== name)) {
        const allowed = needsOf(other).filter(need => may(roleOf(name, 'JobRoleArn'), need))
        assert.deepEqual(allowed, [], `${name} may, of ${other}`)
      }
    }
  })

  it('cannot change a plan, an input, or a certificate', () => {
    const role = roleOf('a', 'JobRoleArn')
    const runId = 'a_0123456789abcdef'
    const writes: [string, string][] = [
      [bucket('state'), stateKeys.run(runId)],
      [bucket('state'), stateKeys.assignments(runId, 1, 0)],
      [bucket('drops'), 'a/file.txt'],
      [bucket('output'), `curated/a/_millrace/${runId}.json`],
    ]
    for (const [where, key] of writes)
      for (const action of ['s3:PutObject', 's3:DeleteObject'])
        assert.ok(!may(role, { action, resource: `${where}/${key}` }), `${action} ${key}`)
    const noKey = { action: 'dynamodb:UpdateItem', resource: arnOf('dynamodb', 'table/made-up-table') }
    assert.ok(!may(role, noKey))
  })

  it('are given what the pipeline asks for besides: its own statements, and its file system', () => {
    const models = { action: 's3:GetObject', resource: 'arn:aws:s3:::models/one.bin' }
    const mount = {
      action: 'elasticfilesystem:ClientMount',
      resource: arnOf('elasticfilesystem', 'file-system/fs-01234567'),
      context: {
        'elasticfilesystem:AccessPointArn': arnOf('elasticfilesystem', 'access-point/fsap-01234567'),
      },
    }
    const write = { ...mount, action: 'elasticfilesystem:ClientWrite' }
    for (const { name } of pipelines) {
      const role = roleOf(name, 'JobRoleArn')
      assert.deepEqual([may(role, models), may(role, mount)], [name === 'kept', name === 'kept'], name)
      assert.ok(!may(role, write), 'it is mounted for reading')
    }
  })

  it('start a container with the secrets of its pipeline, and with no other', () => {
    const secrets = [
      {
        action: 'secretsmanager:GetSecretValue',
        resource: arnOf('secretsmanager', 'secret:prod/db-AbCdEf'),
      },
      // As AWS names one that is not there: so the error says that, and not that it is forbidden.
      { action: 'secretsmanager:GetSecretValue', resource: arnOf('secretsmanager', 'secret:prod/db') },
      { action: 'ssm:GetParameters', resource: arnOf('ssm', 'parameter/prod/token') },
    ]
    for (const { name } of pipelines) {
      const role = roleOf(name, 'ExecutionRoleArn')
      const job = roleOf(name, 'JobRoleArn')
      for (const need of secrets) {
        assert.equal(may(role, need), name === 'kept', `${name} ${need.action}`)
        assert.ok(!may(job, need), 'the work itself finds the value, and asks nobody')
      }
      assert.equal(role, name === 'kept' ? 'ExecutionRoleKept' : 'ExecutionRole')
    }
    const near = {
      action: 'secretsmanager:GetSecretValue',
      resource: arnOf('secretsmanager', 'secret:prod/db2-AbCdEf'),
    }
    assert.ok(!may(roleOf('kept', 'ExecutionRoleArn'), near))
  })

  it('fetch the image that is named, from its own repository alone', () => {
    const get = (resource: string): Need => ({ action: 'ecr:BatchGetImage', resource })
    const team = 'arn:aws:ecr:eu-central-1:210987654321:repository/team/kept'
    const kept = roleOf('kept', 'ExecutionRoleArn')
    assert.deepEqual([may(kept, get(team)), may(kept, get(`${team}-not`))], [true, false])
    assert.ok(!may(roleOf('a', 'ExecutionRoleArn'), get(team)))
  })

  it('can be submitted by submit, in every queue there is, and nothing of another stage', () => {
    const submitting = (resource: string): boolean =>
      may('SubmitRole', { action: 'batch:SubmitJob', resource: arnOf('batch', resource) })
    for (const [, { Properties }] of ofType(packaged.template, 'AWS::Batch::JobQueue'))
      assert.ok(submitting(`job-queue/${Properties.JobQueueName}`))
    for (const { name } of pipelines) {
      assert.ok(submitting(`job-definition/millrace-dev_${name}`), name)
      assert.ok(submitting(`job-definition/millrace-dev_${name}:7`), name)
    }
    for (const other of [
      'job-queue/millrace-dev-2-daily',
      'job-queue/daily',
      'job-definition/millrace-dev_abc',
      'job-definition/millrace-dev2_a',
    ])
      assert.ok(!submitting(other), other)
  })
})
