import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { readWiring } from '../../local/serverless/file.ts'
import type { Wiring } from '../../local/serverless/wiring.ts'
import { localConfig } from '../../shared/config.ts'
import { isError } from '../../shared/errors.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { functionNames } from '../../shared/vocabulary.ts'
import { tempDir } from './temp-dir.ts'

const config = localConfig('/nowhere', '/nowhere/pipelines')

function wiringOf(t: TestContext, files: Record<string, string>): Wiring {
  const dir = tempDir(t)
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text)
  return readWiring(path.join(dir, 'serverless.yml'), config)
}

function refusal(t: TestContext, text: string): string {
  try {
    wiringOf(t, { 'serverless.yml': text })
  } catch (error) {
    assert.ok(isError(error, 'CONFIG_INVALID'), String(error))
    return error.message
  }
  return assert.fail('was not refused')
}

const withFunction = (events: string, more = ''): string => `
provider: { name: aws, timeout: 20 }
functions:
  work:
    handler: x.handler
    events: ${events}
${more}
resources:
  Resources:
    Orders: { Type: AWS::SQS::Queue }
    Role: { Type: AWS::IAM::Role }
    Bus: { Type: AWS::Events::EventBus }
    Topic: { Type: AWS::SNS::Topic }
    Stream: { Type: AWS::Kinesis::Stream }
`

test('the functions of the project are wired in their order, each with its way in and its way out', () => {
  const wiring = readWiring(path.resolve(import.meta.dirname, '../../serverless.yml'), config)
  assert.deepEqual(
    wiring.functions.map(lambda => lambda.name),
    [...functionNames],
  )
  const waysIn = new Set([
    ...wiring.functions.filter(lambda => lambda.queues.length > 0).map(lambda => lambda.name),
    ...wiring.rules.flatMap(rule => rule.targets).map(target => target.replace(/^lambda:/, '')),
    ...wiring.schedules.map(schedule => schedule.functionName),
  ])
  for (const lambda of wiring.functions) {
    assert.ok(waysIn.has(lambda.name), `${lambda.name} has a way in`)
    const sources = lambda.queues.map(source => wiring.queues.find(queue => queue.name === source.queue))
    assert.ok(
      lambda.failureQueue !== undefined || sources.every(queue => queue?.redrive),
      `${lambda.name} fails somewhere`,
    )
  }
  assert.deepEqual(
    wiring.schedules.map(schedule => [schedule.functionName, schedule.everyMs]),
    [['reconcile', 300_000]],
  )
})

test('job queues and definitions are those that are deployed for the same pipelines', () => {
  const work = { sql: 'SELECT line FROM input' }
  const whole = {
    name: 'a-b',
    source: { prefix: 'text/', format: 'lines' },
    work,
    output: { prefix: 'out/' },
  }
  const job = {
    queue: 'backfill',
    architecture: 'arm64',
    tags: { TeamName: 'data' },
    environment: { Mode: 'x' },
  }
  const pipeline = parsePipeline({ ...whole, job, retry: { reclaimsOnSpot: 20 } }, 'a-b.ts')
  const file = path.resolve(import.meta.dirname, '../../serverless.yml')
  const { jobQueues, jobDefinitions } = readWiring(file, config, [pipeline])
  assert.deepEqual(
    jobQueues.filter(({ name }) => name.includes('arm64')),
    [
      { name: 'millrace-local-arm64-backfill', priority: 10 },
      { name: 'millrace-local-arm64-backfill-on-demand', priority: 10 },
    ],
  )
  const [definition, ...more] = jobDefinitions
  assert.equal(more.length, 0)
  assert.equal(definition?.jobDefinitionName, 'millrace-local_a-b')
  assert.equal(definition.retryStrategy?.attempts, 10)
  assert.deepEqual(definition.retryStrategy.evaluateOnExit?.at(-1), { onReason: '*', action: 'EXIT' })
  assert.deepEqual(definition.timeout, { attemptDurationSeconds: 3600 })
  assert.deepEqual(definition.tags, {
    TeamName: 'data',
    project: 'millrace',
    stage: 'local',
    pipeline: 'a-b',
  })
  const variables = Object.fromEntries(definition.environment.map(({ name, value }) => [name, value]))
  assert.equal(variables.MILLRACE_TABLE, config.table)
  assert.equal(variables.Mode, 'x')
})

test('variables are filled in from the file itself, other files, parameters and fallbacks', t => {
  const wiring = wiringOf(t, {
    'serverless.yml': `
params: { default: { wait: 7 }, local: { batch: 3 } }
custom: { stages: { local: { window: 2 } }, source: 'of-\${sls:stage}' }
provider: { name: aws }
functions:
  work:
    handler: x.handler
    timeout: \${opt:timeout, env:TIMEOUT, 11}
    environment: { SECRET: '\${ssm:/secret}' }
    events:
      - sqs:
          arn: !GetAtt Orders.Arn
          batchSize: \${param:batch}
          maximumBatchingWindow: \${self:custom.stages.\${sls:stage}.window}
resources:
  - \${file(./queues.yml)}
  - Resources:
      Rule:
        Type: AWS::Events::Rule
        Properties:
          EventPattern: { source: ['\${self:custom.source}'] }
          Targets: [{ Id: a, Arn: !GetAtt Orders.Arn }]
`,
    'queues.yml': `
Resources:
  Orders:
    Type: AWS::SQS::Queue
    Properties: { VisibilityTimeout: '\${param:wait}', KmsMasterKeyId: '\${ssm:/key}' }
`,
  })
  assert.deepEqual(wiring.functions[0]?.queues, [
    { queue: 'Orders', batchSize: 3, windowMs: 2000, reportsFailures: false },
  ])
  assert.equal(wiring.functions[0]?.timeoutMs, 11_000)
  assert.equal(wiring.queues[0]?.visibilityMs, 7000)
  assert.deepEqual(wiring.rules[0]?.pattern, { source: ['of-local'] })
})

test('intrinsic functions are answered with local values, in their short and their long form', t => {
  const wiring = wiringOf(t, {
    'serverless.yml': `
provider: { name: aws }
functions: {}
resources:
  Conditions:
    Local: !Equals ['\${sls:stage}', local]
    Other: !Not [!Condition Local]
  Resources:
    DropsBucket: { Type: AWS::S3::Bucket }
    Orders: { Type: AWS::SQS::Queue }
    JobQueue: { Type: AWS::Batch::JobQueue, Properties: { JobQueueName: 'millrace-\${sls:stage}-daily' } }
    Bus: { Type: AWS::Events::EventBus }
    Rule:
      Type: AWS::Events::Rule
      Properties:
        EventBusName: !GetAtt Bus.Arn
        State: !If [Other, DISABLED, !Ref AWS::NoValue]
        EventPattern:
          ref: [!Ref DropsBucket]
          long: [{ Ref: DropsBucket }]
          att: [!GetAtt JobQueue.JobQueueArn]
          longAtt: [{ 'Fn::GetAtt': [DropsBucket, Arn] }]
          sub: [!Sub 'arn:\${AWS::Partition}:x:\${AWS::Region}:\${AWS::AccountId}:\${DropsBucket}/\${Orders.QueueName}/\${!kept}']
          join: [!Join ['-', [a, !Ref DropsBucket]]]
          select: [!Select [1, !Split [',', 'a,b']]]
          choice: [!If [Local, here, there]]
        Targets: [{ Id: a, Arn: !GetAtt Orders.Arn, DeadLetterConfig: { Arn: !GetAtt Orders.Arn } }]
`,
  })
  const [rule] = wiring.rules
  assert.equal(rule?.bus, config.bus)
  assert.deepEqual(rule?.pattern, {
    ref: ['drops'],
    long: ['drops'],
    att: ['arn:aws:batch:us-east-1:000000000000:job-queue/millrace-local-daily'],
    longAtt: ['arn:aws:s3:::drops'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what !Sub leaves of an escaped name
    sub: ['arn:aws:x:us-east-1:000000000000:drops/Orders/${kept}'],
    join: ['a-drops'],
    select: ['b'],
    choice: ['here'],
  })
})

test('a rule that is disabled sends nothing', t => {
  const rule =
    'Properties: { State: DISABLED, EventPattern: { a: [1] }, Targets: [{ Id: a, Arn: !GetAtt Orders.Arn }] }'
  const text = withFunction('[]').concat(`    Rule: { Type: AWS::Events::Rule, ${rule} }\n`)
  assert.deepEqual(wiringOf(t, { 'serverless.yml': text }).rules, [])
})

test('what the local stack would have to ignore is refused, with its place', t => {
  const rule = (properties: string): string =>
    withFunction('[]').concat(`    Rule: { Type: AWS::Events::Rule, Properties: ${properties} }\n`)
  const refused: [string, RegExp][] = [
    [
      withFunction('[{ httpApi: "GET /" }]'),
      /functions\.work\.events\[0\].*only sqs, eventBridge and schedule/,
    ],
    [withFunction('[{ sqs: { arn: !GetAtt Nowhere.Arn } }]'), /events\[0\]\.sqs\.arn.*no resource Nowhere/],
    [withFunction('[{ sqs: { arn: !GetAtt Stream.Arn } }]'), /Stream is an AWS::Kinesis::Stream/],
    [withFunction('[{ sqs: { arn: !GetAtt Role.Arn } }]'), /no queue of it: role\/Role/],
    [
      withFunction(`[{ sqs: { arn: '\${ssm:/queue}' } }]`),
      /\$\{ssm:\/queue\} has no value on the local stage/,
    ],
    [withFunction('[{ sqs: { arn: !GetAtt Orders.Arn, filterPatterns: [] } }]'), /sqs.*filterPatterns/],
    [
      withFunction('[{ sqs: { arn: !ImportValue x } }]'),
      /events\[0\]\.sqs\.arn.*Fn::ImportValue is not known/,
    ],
    [
      withFunction('[{ eventBridge: { pattern: { a: [1] }, inputPath: $.detail } }]'),
      /eventBridge.*inputPath/,
    ],
    [withFunction('[{ schedule: "cron(0 12 * * ? *)" }]'), /events\[0\]/],
    [withFunction('[{ schedule: { rate: ["cron(0 12 * * ? *)"] } }]'), /schedule\.rate\[0\].*cron/],
    [withFunction('[]', '    timeout: 9000'), /functions\.work\.timeout/],
    [
      rule('{ EventPattern: { a: [1] }, Targets: [{ Id: a, Arn: !GetAtt Orders.Arn, InputPath: $.x }] }'),
      /InputPath/,
    ],
    [rule('{ EventPattern: { a: [1] }, Targets: [{ Id: a, Arn: !GetAtt Role.Arn }] }'), /no queue of it/],
    [rule('{ ScheduleExpression: rate(1 minute), Targets: [{ Id: a, Arn: !GetAtt Orders.Arn }] }'), /Rule/],
    [
      withFunction('[]').concat('    Fifo: { Type: AWS::SQS::Queue, Properties: { FifoQueue: true } }\n'),
      /FIFO/,
    ],
    [withFunction('[{ sqs: { arn: !Mystery x } }]'), /Unresolved tag: !Mystery/],
    ['functions: [', /serverless\.yml cannot be read/],
    [`provider: {}\nfunctions: {}\ncustom: \${self:custom}\n`, /circle/],
    [`provider: {}\nfunctions: {}\nresources: ['\${file(./absent.yml)}']\n`, /absent\.yml/],
  ]
  for (const [text, words] of refused) assert.match(refusal(t, text), words, text)
})

test('a rule that tells people by a topic sends nothing, and keeps its other targets', t => {
  const targets = '[{ Id: a, Arn: !Ref Topic }, { Id: b, Arn: !GetAtt Orders.Arn }]'
  const rule = `Properties: { EventPattern: { a: [1] }, Targets: ${targets} }`
  const text = withFunction('[]').concat(`    Rule: { Type: AWS::Events::Rule, ${rule} }\n`)
  const { rules } = wiringOf(t, { 'serverless.yml': text })
  assert.deepEqual(
    rules.map(one => one.targets),
    [['Orders']],
  )
})
