/** What must hold of a stage whatever its pipelines and parameters: here of one that has all there is. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { everyPipeline, everySwitch } from './every.ts'
import {
  at,
  idOf,
  type Node,
  ofType,
  type Packaged,
  packagePipelines,
  resource,
  type Template,
  walk,
} from './packaged.ts'
import { grantsOf, policiesOf, statementsOf } from './policies.ts'
import { arnOf, resolved } from './policy/resolve.ts'
import { matches } from './policy/statements.ts'
import { lostReferences } from './references.ts'
import { starResources } from './roles.ts'

let packaged: Packaged
let template: Template
before(async () => {
  packaged = await packagePipelines(everyPipeline, ...everySwitch)
  template = packaged.template
})
after(() => rm(packaged.dir, { recursive: true, force: true }))

const all = (type: string): [string, Node][] =>
  ofType(template, type).map(([id, { Properties }]) => [id, Properties])
const typeOf = (id: string): string => template.Resources[id]?.Type ?? ''
const filled = (value: unknown): unknown => resolved(value, withRules(value))

/** Every Arn of a rule as it will be. */
function withRules(value: unknown): Template {
  for (const { value: node } of walk(value)) {
    const [id = '', attribute] = (at(node, 'Fn::GetAtt') ?? []) as string[]
    if (attribute !== 'Arn' || typeOf(id) !== 'AWS::Events::Rule') continue
    delete (node as Node)['Fn::GetAtt']
    Object.assign(node as Node, { 'Fn::Sub': arnOfRule(id) })
  }
  return template
}

/** Of the account's own bus the name stands alone. */
function arnOfRule(id: string): string {
  const { Name, EventBusName } = resource(template, id, 'AWS::Events::Rule')
  const name = Name === undefined ? `made-up-${id}` : String(resolved(Name, template))
  return arnOf('events', EventBusName === undefined ? `rule/${name}` : `rule/millrace-prod/${name}`)
}

/** Whether the policies of queues or topics let EventBridge put there what this rule has. */
function mayPut(type: string, list: 'Queues' | 'Topics', action: string, to: string, rule: string): boolean {
  return all(type)
    .filter(([, policy]) => (policy[list] as unknown[]).some(one => idOf(one) === to))
    .flatMap(([, { PolicyDocument }]) => statementsOf(filled(structuredClone(PolicyDocument)) as Node))
    .filter(
      ({ Principal, Action }) => at(Principal, 'Service') === 'events.amazonaws.com' && Action[0] === action,
    )
    .some(({ Condition }) => {
      // In a topic's policy EventBridge meets no condition.
      if (Condition === undefined) return type === 'AWS::SNS::TopicPolicy'
      return Object.values(Condition).some(tests =>
        [at(tests, 'aws:SourceArn')].flat().some(pattern => matches(String(pattern), arnOfRule(rule))),
      )
    })
}

const mayInvoke = (functionId: string, rule: string): boolean =>
  all('AWS::Lambda::Permission').some(
    ([, { FunctionName, Principal, SourceArn }]) =>
      idOf(FunctionName) === functionId &&
      Principal === 'events.amazonaws.com' &&
      resolved(SourceArn, template) === arnOfRule(rule),
  )

const reaching: Readonly<Record<string, (to: string, rule: string) => boolean>> = {
  'AWS::SQS::Queue': (to, rule) => mayPut('AWS::SQS::QueuePolicy', 'Queues', 'sqs:SendMessage', to, rule),
  'AWS::SNS::Topic': (to, rule) => mayPut('AWS::SNS::TopicPolicy', 'Topics', 'sns:Publish', to, rule),
  'AWS::Lambda::Function': mayInvoke,
}
const reaches = (to: string, rule: string): boolean => reaching[typeOf(to)]?.(to, rule) ?? false

describe('a stage that has all there is', () => {
  it('has it all: of every kind of pipeline, with every switch on', () => {
    const types = new Set(Object.values(template.Resources).map(({ Type }) => Type))
    for (const type of [
      'Batch::SchedulingPolicy',
      'Scheduler::Schedule',
      'SNS::Subscription',
      'EC2::VPCEndpoint',
    ])
      assert.ok(types.has(`AWS::${type}`), type)
    assert.equal(all('AWS::Batch::JobDefinition').length, everyPipeline.length)
    assert.ok(all('AWS::Events::Rule').some(([id]) => id.startsWith('SourceBucket')))
  })

  it('refers to nothing that is not in it, and leaves no variable unfilled', () => {
    assert.deepEqual(lostReferences(template), [])
    assert.equal(JSON.stringify(template).match(/\$\{(param|self|sls|opt|file|env):[^}]*\}/g), null)
  })

  it('lets every rule reach its target and, where it cannot, its dead-letter queue', () => {
    const rules = all('AWS::Events::Rule')
    assert.ok(rules.length >= 9)
    for (const [id, { Targets }] of rules) {
      for (const { Arn, DeadLetterConfig } of Targets as Node[]) {
        assert.ok(reaches(idOf(Arn), id), `${id} cannot reach ${idOf(Arn)}`)
        const dead = idOf(at(DeadLetterConfig, 'Arn'))
        assert.equal(typeOf(dead), 'AWS::SQS::Queue', id)
        assert.ok(reaches(dead, id), `${id} cannot reach ${dead}`)
      }
    }
  })

  it('cannot be sent anything by rules of others', () => {
    for (const rule of ['rule/anybody-elses', 'rule/millrace-prod-2/other', 'rule/other-source-1234'])
      for (const [, policy] of [...all('AWS::SQS::QueuePolicy'), ...all('AWS::SNS::TopicPolicy')])
        for (const { value } of walk(filled(structuredClone(at(policy, 'PolicyDocument')))))
          for (const pattern of [at(value, 'aws:SourceArn') ?? []].flat())
            assert.ok(!matches(String(pattern), arnOf('events', rule)), `${pattern} takes ${rule}`)
  })

  it('has a way out for whatever brings it something', () => {
    const kept = new Map(
      all('AWS::Lambda::EventInvokeConfig').map(([, one]) => [
        idOf(one.FunctionName),
        idOf(at(one, 'DestinationConfig.OnFailure.Destination')),
      ]),
    )
    for (const [id, { Target }] of all('AWS::Scheduler::Schedule')) {
      const dead = idOf(at(Target, 'DeadLetterConfig.Arn'))
      assert.equal(typeOf(dead), 'AWS::SQS::Queue', id)
      const role = grantsOf(idOf(at(Target, 'RoleArn')), template)
      const sending = role.filter(({ Action }) => Action.includes('sqs:SendMessage'))
      assert.deepEqual(sending.flatMap(({ Resource }) => Resource).map(idOf), [dead], id)
      const target = idOf(at(Target, 'Arn'))
      if (typeOf(target) === 'AWS::Lambda::Function') assert.ok(kept.has(target), id)
    }
    for (const [id, { Targets }] of all('AWS::Events::Rule'))
      for (const { Arn } of Targets as Node[])
        if (typeOf(idOf(Arn)) === 'AWS::Lambda::Function') assert.ok(kept.has(idOf(Arn)), id)
    for (const [id, { EventSourceArn }] of all('AWS::Lambda::EventSourceMapping'))
      assert.ok(at(resource(template, idOf(EventSourceArn), 'AWS::SQS::Queue'), 'RedrivePolicy'), id)
  })

  it('keeps nothing unencrypted and no log for ever', () => {
    const key = { 'Fn::GetAtt': ['Key', 'Arn'] }
    const groups = all('AWS::Logs::LogGroup')
    for (const [id, { RetentionInDays, KmsKeyId }] of groups)
      assert.deepEqual([RetentionInDays, KmsKeyId], [30, key], id)
    for (const [, { ContainerProperties, NodeProperties }] of all('AWS::Batch::JobDefinition'))
      for (const { value } of walk([ContainerProperties, NodeProperties]))
        if (at(value, 'LogDriver') !== undefined)
          assert.equal(typeOf(idOf(at(value, 'Options.awslogs-group'))), 'AWS::Logs::LogGroup')
    for (const [id, queue] of all('AWS::SQS::Queue')) assert.deepEqual(queue.KmsMasterKeyId, key, id)
    const templates = all('AWS::EC2::LaunchTemplate')
    for (const [id, one] of templates)
      for (const disk of at(one, 'LaunchTemplateData.BlockDeviceMappings') as Node[])
        assert.equal(at(disk, 'Ebs.Encrypted'), true, id)
    for (const [id, { ComputeResources }] of all('AWS::Batch::ComputeEnvironment')) {
      const launched = at(ComputeResources, 'LaunchTemplate.LaunchTemplateId')
      if (!String(at(ComputeResources, 'Type')).startsWith('FARGATE'))
        assert.ok(
          templates.some(([one]) => one === idOf(launched)),
          id,
        )
    }
    for (const { value } of walk(all('AWS::Batch::JobDefinition')))
      if (at(value, 'FileSystemId') !== undefined) assert.equal(at(value, 'TransitEncryption'), 'ENABLED')
  })

  it('allows no wildcard action, and `*` for just what knows no resource', () => {
    const stars = new Set<string>()
    for (const { where, statements } of policiesOf(template)) {
      for (const { Effect, Action, Resource, rest } of statements) {
        assert.ok(!('NotAction' in rest) && !('NotPrincipal' in rest) && !('NotResource' in rest), where)
        if (Effect !== 'Allow') continue
        assert.ok(Action.length > 0 && Action.every(action => /^[a-z0-9-]+:[A-Za-z]+$/.test(action)), where)
        // A key's policy is about that key, and can say so in no other way.
        if (Resource.includes('*') && !where.startsWith('Key.'))
          for (const action of Action) stars.add(action)
      }
    }
    assert.deepEqual([...stars].toSorted(), starResources)
    const managed = all('AWS::IAM::Role').filter(
      ([, { ManagedPolicyArns }]) => ManagedPolicyArns !== undefined,
    )
    assert.deepEqual(
      managed.map(([id]) => id),
      ['InstanceRole'],
    )
  })

  it('names secrets and holds none', () => {
    const shapes = /xox[a-z]-|hooks\.slack\.com|AKIA[0-9A-Z]{16}|-----BEGIN|gh[pousr]_[A-Za-z0-9]{20}/
    assert.doesNotMatch(JSON.stringify(template), shapes)
    for (const [id, definition] of all('AWS::Batch::JobDefinition')) {
      for (const { where, value } of walk(definition)) {
        if (where.at(-2) !== 'Secrets') continue
        const from = String(resolved(at(value, 'ValueFrom'), template))
        assert.match(from, /^arn:aws:(secretsmanager:.*:secret:|ssm:.*:parameter\/)/, id)
      }
    }
    for (const [id, { Environment }] of all('AWS::Lambda::Function'))
      assert.equal(at(Environment, 'Variables.MILLRACE_SLACK_SECRET'), 'millrace/slack', id)
  })
})
