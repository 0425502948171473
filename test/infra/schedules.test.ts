/** Each pipeline's schedule is in the stack exactly as it was written, and may do what a tick takes and no more. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { scheduleResources } from '../../infra/schedules.ts'
import { ownEnvelope } from '../../local/events/envelope.ts'
import { parseScheduleDue } from '../../shared/events.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { scheduleDue } from '../../shared/ticks.ts'
import { pipelineOf } from '../shared/given.ts'
import { at, type Node, packagePipelines } from './packaged.ts'

const pipeline = (name: string, schedule?: object): Pipeline =>
  pipelineOf({ name, source: { prefix: `${name}/`, format: 'lines', ...(schedule ? { schedule } : {}) } })

const hourly = pipeline('hourly', { expression: 'rate(1 hour)' })
const nightly = pipeline('night-ly', { expression: 'cron(0 2 * * ? *)', timezone: 'Europe/Berlin' })
const dropped = pipeline('dropped')

type Resources = Record<string, { Type: string; Properties: Node }>
const made = (pipelines: Pipeline[], stage = 'dev'): Resources =>
  scheduleResources(pipelines, stage) as unknown as Resources

const schedulesOf = (resources: Resources): Node[] =>
  Object.values(resources)
    .filter(({ Type }) => Type === 'AWS::Scheduler::Schedule')
    .map(({ Properties }) => Properties)

describe('the schedules of a stack', () => {
  test('are one for each pipeline that has one, with its expression and time zone', () => {
    const found = schedulesOf(made([hourly, nightly, dropped])).map(one => [
      one.Name,
      one.ScheduleExpression,
      one.ScheduleExpressionTimezone,
    ])
    assert.deepEqual(found, [
      ['millrace-dev_hourly-schedule', 'rate(1 hour)', 'UTC'],
      ['millrace-dev_night-ly-schedule', 'cron(0 2 * * ? *)', 'Europe/Berlin'],
    ])
  })

  test('are none, and no role, where no pipeline has one', () => {
    assert.deepEqual(made([dropped]), {})
    assert.deepEqual(made([]), {})
  })

  test('put on our bus just what a tick by hand does, at the time at which it was due', () => {
    const [one] = schedulesOf(made([nightly]))
    const target = at(one, 'Target') as Node
    assert.deepEqual(target.Arn, { 'Fn::GetAtt': ['Bus', 'Arn'] })
    const time = '2026-11-21T01:00:00Z'
    const detail = JSON.parse(String(target.Input).replace('<aws.scheduler.scheduled-time>', time))
    const { DetailType, Source } = target.EventBridgeParameters as { DetailType: string; Source: string }
    const sent = { source: Source, 'detail-type': DetailType, detail }
    assert.deepEqual(parseScheduleDue(sent), { pipeline: 'night-ly', scheduledAt: time })
    const byHand = ownEnvelope(scheduleDue('night-ly', 0), 0)
    assert.deepEqual([byHand.source, byHand['detail-type']], [Source, DetailType])
  })

  test('come at their very time, are tried again, and are kept where they cannot be delivered', () => {
    for (const one of schedulesOf(made([hourly, nightly]))) {
      assert.deepEqual(one.FlexibleTimeWindow, { Mode: 'OFF' })
      assert.deepEqual(at(one, 'Target.RetryPolicy'), {
        MaximumEventAgeInSeconds: 3600,
        MaximumRetryAttempts: 20,
      })
      assert.deepEqual(at(one, 'Target.DeadLetterConfig.Arn'), { 'Fn::GetAtt': ['FunctionsDlq', 'Arn'] })
      assert.deepEqual(at(one, 'Target.RoleArn'), { 'Fn::GetAtt': ['TicksRole', 'Arn'] })
    }
  })

  test('have names that Scheduler takes and ids that CloudFormation takes, no two alike', () => {
    const long = 'a'.repeat(38)
    const names = ['a-b', 'a-dash-b', `${long}-b`, `${long}-c`]
    const all = names.map(name => pipeline(name, { expression: 'rate(1 day)' }))
    const resources = made(all, 'a-rather-long-stage')
    const given = schedulesOf(resources).map(one => String(one.Name))
    assert.equal(new Set(given).size, names.length)
    for (const name of given) assert.match(name, /^millrace-a-rather-long-stage[_-][a-z0-9-]{1,64}$/)
    for (const name of given) assert.ok(name.length <= 64, name)
    for (const id of Object.keys(resources)) assert.match(id, /^[A-Za-z0-9]{1,255}$/)
    assert.equal(Object.keys(resources).length, names.length + 2)
  })

  test('may put events on the bus and give up into the dead letters, and nothing else', () => {
    const { TicksRole, TicksPolicy } = made([hourly])
    const granted = (document: unknown): unknown[] =>
      (at(document, 'Statement') as Node[]).map(({ Action, Resource }) => [Action, Resource])
    const policies = at(TicksRole, 'Properties.Policies') as Node[]
    assert.deepEqual(
      policies.flatMap(({ PolicyDocument }) => granted(PolicyDocument)),
      [
        ['events:PutEvents', { 'Fn::GetAtt': ['Bus', 'Arn'] }],
        ['sqs:SendMessage', { 'Fn::GetAtt': ['FunctionsDlq', 'Arn'] }],
        [['kms:Decrypt', 'kms:GenerateDataKey'], { 'Fn::GetAtt': ['Key', 'Arn'] }],
      ],
    )
    assert.deepEqual(granted(at(TicksPolicy, 'Properties.PolicyDocument')), [
      ['dynamodb:Query', { 'Fn::Sub': `${'$'}{Table.Arn}/index/pipeline` }],
    ])
  })
})

test('a package of these pipelines has exactly their schedules, beside that of reconcile', async t => {
  const { template, dir } = await packagePipelines([hourly, nightly, dropped], '--stage', 'prod')
  t.after(() => rm(dir, { recursive: true, force: true }))
  const packaged = schedulesOf(template.Resources as Resources)
  const own = packaged.filter(({ Description }) => String(Description).startsWith('A tick'))
  assert.deepEqual(own, schedulesOf(made([hourly, nightly], 'prod')))
  assert.equal(packaged.length, own.length + 1)
  assert.deepEqual(template.Resources.TicksRole, made([hourly], 'prod').TicksRole)
})
