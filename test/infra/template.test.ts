import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { compilePattern } from '../../local/events/event-pattern.ts'
import { readServerless } from '../../local/serverless/variables.ts'
import { configFrom } from '../../shared/config.ts'
import { functionNames } from '../../shared/vocabulary.ts'
import {
  at,
  idOf,
  type Node,
  ofType,
  type Packaged,
  packageService,
  resource,
  type Template,
} from './packaged.ts'
import { grantsOf } from './policies.ts'
import { resolved } from './policy/resolve.ts'
import { lostReferences } from './references.ts'
import { roleActions, starResources } from './roles.ts'

let packaged: Packaged
let template: Template
before(async () => {
  packaged = await packageService()
  template = packaged.template
})
after(() => rm(packaged.dir, { recursive: true, force: true }))

const functionId = (name: string): string => `${name[0]?.toUpperCase()}${name.slice(1)}LambdaFunction`
const functionOf = (name: string): Node => resource(template, functionId(name), 'AWS::Lambda::Function')
const queue = (id: string): Node => resource(template, id, 'AWS::SQS::Queue')

const roles = (): [string, Node][] =>
  ofType(template, 'AWS::IAM::Role').map(([id, { Properties }]) => [id, Properties])

/** The function that works what is sent to this queue or function. */
function workedBy(target: string): string {
  const [, mapping] =
    ofType(template, 'AWS::Lambda::EventSourceMapping').find(
      ([, { Properties }]) => idOf(Properties.EventSourceArn) === target,
    ) ?? []
  const id = mapping === undefined ? target : idOf(mapping.Properties.FunctionName)
  return functionNames.find(name => functionId(name) === id) ?? id
}

describe('the template', () => {
  it('refers to nothing that is not in it', () => {
    assert.deepEqual(lostReferences(template), [])
  })

  it('leaves no variable of serverless unfilled', () => {
    assert.deepEqual(JSON.stringify(template).match(/\$\{(param|self|sls|opt|file|env):[^}]*\}/g), null)
  })

  it('tags all that can be tagged by the stack, and no role twice: IAM knows no case, and STAGE is there', () => {
    const { provider } = readServerless(path.resolve(import.meta.dirname, '../../serverless.yml'), 'dev')
    assert.deepEqual(at(provider, 'stackTags'), { project: 'millrace' })
    for (const [id, { Tags = [] }] of roles()) assert.deepEqual(Tags, [], id)
  })

  it('tells a CLI where everything is that it asks for', async () => {
    const source = await readFile(path.resolve(import.meta.dirname, '../../cli/aws-stage.ts'), 'utf8')
    const asked = [...source.matchAll(/\boutput(?:s\.get)?\('(\w+)'\)/g)].map(([, name = '']) => name)
    assert.ok(asked.length >= 9)
    for (const output of asked) {
      assert.ok(template.Outputs[output]?.Value, output)
    }
  })
})

describe('the functions', () => {
  it('are those of the vocabulary, in the order of the flow', () => {
    const ids = ofType(template, 'AWS::Lambda::Function').map(([id]) => id)
    assert.deepEqual(ids, functionNames.map(functionId))
  })

  it('run on arm64 and Node 24, traced, with a time limit and a size of their own', () => {
    for (const name of functionNames) {
      const declared = functionOf(name)
      assert.equal(declared.Runtime, 'nodejs24.x')
      assert.deepEqual(declared.Architectures, ['arm64'])
      assert.deepEqual(declared.TracingConfig, { Mode: 'Active' })
      assert.equal(declared.Handler, `dist/${name}.handler`)
      assert.ok(Number(declared.Timeout) >= 30 && Number(declared.Timeout) <= 900, name)
      assert.ok(Number(declared.MemorySize) >= 512, name)
    }
  })

  it('are packaged alone: no source, no map, no package, no dotfile', () => {
    for (const name of functionNames) assert.deepEqual(packaged.zips[name], [`dist/${name}.mjs`])
  })

  it('get exactly the environment that the configuration reads', () => {
    for (const name of functionNames) {
      const set = at(functionOf(name), 'Environment.Variables') as Node
      assert.deepEqual(
        Object.keys(set)
          .filter(key => key.startsWith('MILLRACE_'))
          .toSorted(),
        variablesRead(set),
      )
      assert.equal(set.POWERTOOLS_SERVICE_NAME, 'millrace')
      assert.ok(set.POWERTOOLS_METRICS_NAMESPACE)
    }
  })

  it('have a log group that forgets', () => {
    const groups = ofType(template, 'AWS::Logs::LogGroup')
    const names = groups.map(([, { Properties }]) => Properties.LogGroupName)
    for (const name of functionNames)
      assert.ok(names.includes(`/aws/lambda/${functionOf(name).FunctionName}`), name)
    for (const [id, { Properties }] of groups) assert.ok(Number(Properties.RetentionInDays) > 0, id)
  })
})

/** The names that configFrom asks for, without those of the local stage. */
function variablesRead(set: Node): string[] {
  const read = new Set<string>()
  const spy = new Proxy({} as Record<string, string>, {
    get: (_, name: string) => {
      read.add(name)
      return set[name] === undefined ? undefined : 'set'
    },
  })
  configFrom(spy)
  return [...read].filter(name => !['MILLRACE_DATA_DIR', 'MILLRACE_PIPELINES_DIR'].includes(name)).toSorted()
}

describe('what fails', () => {
  const deadLetterQueues = ['DropsDlq', 'JobsDlq', 'FunctionsDlq']

  it('is kept: every queue that is worked has a dead-letter queue that keeps as long', () => {
    const worked = ofType(template, 'AWS::SQS::Queue').filter(([id]) => !deadLetterQueues.includes(id))
    assert.deepEqual(worked.map(([id]) => id).toSorted(), ['DropsQueue', 'JobsQueue'])
    for (const [id, { Properties }] of worked) {
      const dead = idOf(at(Properties, 'RedrivePolicy.deadLetterTargetArn'))
      assert.ok(deadLetterQueues.includes(dead), id)
      assert.ok(Number(at(Properties, 'RedrivePolicy.maxReceiveCount')) >= 3, id)
      assert.ok(Number(queue(dead).MessageRetentionPeriod) >= Number(Properties.MessageRetentionPeriod), id)
    }
  })

  it('in a batch is only its own message, and comes again after the function must have ended', () => {
    const mappings = ofType(template, 'AWS::Lambda::EventSourceMapping')
    assert.equal(mappings.length, 2)
    for (const [id, { Properties }] of mappings) {
      assert.deepEqual(Properties.FunctionResponseTypes, ['ReportBatchItemFailures'], id)
      const timeout = Number(
        resource(template, idOf(Properties.FunctionName), 'AWS::Lambda::Function').Timeout,
      )
      assert.ok(Number(queue(idOf(Properties.EventSourceArn)).VisibilityTimeout) >= 6 * timeout, id)
    }
  })

  it('to be delivered by a rule is kept', () => {
    for (const [id, { Properties }] of ofType(template, 'AWS::Events::Rule')) {
      for (const target of Properties.Targets as Node[]) {
        assert.ok(deadLetterQueues.includes(idOf(at(target, 'DeadLetterConfig.Arn'))), id)
      }
    }
  })

  it('in a function that is called directly is tried again, then kept', () => {
    const configurations = ofType(template, 'AWS::Lambda::EventInvokeConfig').map(
      ([, { Properties }]) => Properties,
    )
    const direct = functionNames.filter(name => !['partition', 'track'].includes(name))
    assert.deepEqual(
      configurations.map(({ FunctionName }) => idOf(FunctionName)),
      direct.map(functionId),
    )
    for (const configuration of configurations) {
      assert.equal(configuration.MaximumRetryAttempts, 2)
      assert.equal(idOf(at(configuration, 'DestinationConfig.OnFailure.Destination')), 'FunctionsDlq')
    }
  })

  it('can reach its queue: events may send there, and only for our own rules', () => {
    const policies = ofType(template, 'AWS::SQS::QueuePolicy').map(([, { Properties }]) => Properties)
    assert.deepEqual(policies.flatMap(({ Queues }) => (Queues as unknown[]).map(idOf)).toSorted(), [
      'DropsDlq',
      'DropsQueue',
      'FunctionsDlq',
      'JobsDlq',
      'JobsQueue',
    ])
    for (const policy of policies) {
      const [statement] = at(policy, 'PolicyDocument.Statement') as Node[]
      assert.deepEqual(statement?.Principal, { Service: 'events.amazonaws.com' })
      assert.equal(statement?.Action, 'sqs:SendMessage')
      assert.match(JSON.stringify(statement?.Condition), /^\{"Arn(Equals|Like)":\{"aws:SourceArn":/)
    }
  })
})

describe('what each part may do', () => {
  it('is a role of its own for every function', () => {
    const used = functionNames.map(name => idOf(functionOf(name).Role))
    assert.deepEqual(
      used,
      functionNames.map(name => functionId(name).replace('LambdaFunction', 'Role')),
    )
  })

  it('is exactly what it calls, action by action', () => {
    const allowed = roles().map(([id]) => [
      id,
      grantsOf(id, template)
        .flatMap(({ Action }) => Action)
        .toSorted(),
    ])
    assert.deepEqual(Object.fromEntries(allowed), roleActions)
  })

  it('is never a wildcard action, and nothing but Allow', () => {
    for (const [id] of roles()) {
      for (const { Effect, Action } of grantsOf(id, template)) {
        assert.equal(Effect, 'Allow', id)
        assert.deepEqual(
          Action.filter(action => !/^[a-z0-9-]+:[A-Za-z]+$/.test(action)),
          [],
          id,
        )
      }
    }
  })

  it('is on a named resource, but for the actions that know none', () => {
    const stars = roles().flatMap(([id]) =>
      grantsOf(id, template).flatMap(({ Action, Resource }) => (Resource.includes('*') ? Action : [])),
    )
    assert.deepEqual([...new Set(stars)].toSorted(), starResources)
  })

  it('lets the functions and their schedules put events, on our own bus alone', () => {
    const putting = roles().filter(([id]) =>
      grantsOf(id, template).some(({ Action }) => Action.includes('events:PutEvents')),
    )
    assert.deepEqual(
      putting.map(([id]) => id).toSorted(),
      [
        ...functionNames
          // It only speaks to people.
          .filter(name => name !== 'notify')
          .map(name => functionId(name).replace('LambdaFunction', 'Role')),
        'SchedulerRole',
      ].toSorted(),
    )
    for (const [id] of putting) {
      const where = grantsOf(id, template).filter(({ Action }) => Action.includes('events:PutEvents'))
      assert.deepEqual(where.flatMap(({ Resource }) => Resource).map(idOf), ['Bus'], id)
    }
  })

  it('lets reconcile read who is in a group, and nothing else that is kept', () => {
    const read = grantsOf('ReconcileRole', template).filter(({ Action }) =>
      Action.some(action => action.startsWith('s3:')),
    )
    assert.deepEqual(
      read.map(({ Action }) => Action),
      // To list is to be told that there is none.
      [['s3:GetObject'], ['s3:ListBucket']],
    )
    assert.match(String(at(read[0]?.Resource[0], 'Fn::Sub')), /StateBucket\.Arn\}\/runs\/\*\/members\.json$/)
    assert.equal(read[0]?.Resource.length, 1)
  })

  it('can be taken on by one service each, and comes from one managed policy at most', () => {
    for (const [id, role] of roles()) {
      const trusted = (at(role, 'AssumeRolePolicyDocument.Statement') as Node[]).map(
        ({ Principal }) => Principal,
      )
      assert.equal(trusted.length, 1, id)
      assert.match(
        String(at(trusted[0], 'Service')),
        /^(lambda|scheduler|ec2|ecs-tasks)\.amazonaws\.com$/,
        id,
      )
    }
    const managed = roles().filter(([, role]) => role.ManagedPolicyArns !== undefined)
    assert.deepEqual(
      managed.map(([id]) => id),
      ['InstanceRole'],
    )
  })
})

describe('the rules', () => {
  /** Which functions hear of a recorded event; the queues are followed to who works them. */
  async function heardBy(event: string, bus: 'default' | 'own', changed: object = {}): Promise<string[]> {
    const file = path.join(import.meta.dirname, 'fixtures/events', `${event}.json`)
    const recorded = { ...JSON.parse(await readFile(file, 'utf8')), ...changed }
    const rules = ofType(template, 'AWS::Events::Rule').filter(
      ([, { Properties }]) => (Properties.EventBusName === undefined ? 'default' : 'own') === bus,
    )
    const targets = rules
      .filter(([id, { Properties }]) => compilePattern(filled(Properties.EventPattern), id)(recorded))
      .flatMap(([, { Properties }]) => (Properties.Targets as Node[]).map(({ Arn }) => idOf(Arn)))
    // A topic tells people, and wakes nobody else.
    return targets.filter(id => template.Resources[id]?.Type !== 'AWS::SNS::Topic').map(workedBy)
  }

  function filled(pattern: unknown): unknown {
    return JSON.parse(
      JSON.stringify(pattern, (_, value) => {
        if (at(value, 'Ref') === 'DropsBucket') return 'millrace-drops'
        return at(value, 'Fn::GetAtt.1') === 'JobQueueArn' ? resolved(value, template) : value
      }),
    )
  }

  const once: [string, 'default' | 'own', string][] = [
    ['s3-object-created', 'default', 'partition'],
    ['s3-multipart-created', 'default', 'partition'],
    ['batch-child-failed', 'default', 'track'],
    ['batch-child-index-0-failed', 'default', 'track'],
    ['batch-parent-failed', 'default', 'track'],
    ['batch-parent-succeeded', 'default', 'track'],
    ['batch-plain-failed', 'default', 'track'],
    ['batch-plain-succeeded', 'default', 'track'],
    ['own-group-due', 'own', 'partition'],
    ['own-schedule-due', 'own', 'partition'],
    ['own-source-missed', 'own', 'partition'],
    ['own-round-due', 'own', 'submit'],
    ['own-round-ended', 'own', 'settle'],
    ['own-run-state-change', 'own', 'notify'],
    ['own-expectation-missed', 'own', 'notify'],
    ['own-expectation-met-late', 'own', 'notify'],
  ]
  for (const [event, bus, name] of once) {
    it(`can bring ${event} to ${name}, once`, async () => {
      assert.deepEqual(await heardBy(event, bus), [name])
    })
  }

  const never: [string, 'default' | 'own'][] = [
    ['s3-object-deleted', 'default'],
    ['s3-other-bucket-created', 'default'],
    ['batch-child-succeeded', 'default'],
    ['batch-child-running', 'default'],
    ['batch-parent-pending', 'default'],
    ['batch-plain-running', 'default'],
    ['batch-other-queue-failed', 'default'],
    ['batch-queue-blocked', 'default'],
    ['foreign-round-due', 'own'],
    ['own-round-due', 'default'],
    ['own-round-ended', 'default'],
    ['own-run-state-change', 'default'],
    ['own-schedule-due', 'default'],
    ['own-source-missed', 'default'],
    ['s3-object-created', 'own'],
  ]
  for (const [event, bus] of never) {
    it(`cannot wake a function with ${event} on the ${bus} bus`, async () => {
      assert.deepEqual(await heardBy(event, bus), [])
    })
  }

  it('cannot hear of another source that says what we say, nor of what nobody says', async () => {
    for (const [event, bus] of once) {
      const foreign = await heardBy(event, bus, { source: 'another.team' })
      const unknown = await heardBy(event, bus, { 'detail-type': 'Nobody Says This' })
      assert.deepEqual([foreign, unknown], [[], []], event)
    }
  })

  it('wake reconcile every five minutes', () => {
    const [schedule, ...more] = ofType(template, 'AWS::Scheduler::Schedule')
    assert.equal(more.length, 0)
    assert.equal(schedule?.[1].Properties.ScheduleExpression, 'rate(5 minutes)')
    assert.equal(idOf(at(schedule?.[1].Properties, 'Target.Arn')), functionId('reconcile'))
  })
})
