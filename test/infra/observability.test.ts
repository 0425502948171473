import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { compilePattern } from '../../local/events/event-pattern.ts'
import {
  dimensionsOf,
  type MetricName,
  metricsNamespace,
  metricsService,
  metricTable,
} from '../../shared/metrics.ts'
import {
  at,
  type Node,
  ofType,
  type Packaged,
  packageService,
  resource,
  type Template,
  walk,
} from './packaged.ts'

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string): Promise<string> => readFile(path.join(root, file), 'utf8')

let packaged: Packaged
let template: Template
before(async () => {
  packaged = await packageService()
  template = packaged.template
})
after(() => rm(packaged.dir, { recursive: true, force: true }))

const alarms = (): [string, Node][] =>
  ofType(template, 'AWS::CloudWatch::Alarm').map(([id, { Properties }]) => [id, Properties])
const alarm = (id: string): Node => resource(template, id, 'AWS::CloudWatch::Alarm')

/** Namespace, name and dimensions of every metric that an alarm looks at. */
function metricsOf(properties: Node): Node[] {
  const stats = ((properties.Metrics ?? []) as Node[]).map(metric => at(metric, 'MetricStat.Metric') as Node)
  return [...stats, ...(properties.MetricName === undefined ? [] : [properties])].filter(
    metric => metric !== undefined,
  )
}

const labelNames = (name: MetricName): string[] =>
  dimensionsOf({ metric: name, value: 1 }).map(labels =>
    ['service', 'stage', ...Object.keys(labels)].toSorted().join(),
  )

/** A metric of ours that nobody emits, or not with these dimensions, would never raise anything. */
function assertEmitted(name: string, dimensions: string[]): void {
  assert.ok(Object.hasOwn(metricTable, name), `nobody emits ${name}`)
  const emitted = labelNames(name as MetricName)
  assert.ok(emitted.includes(dimensions.toSorted().join()), `${name} is not emitted by ${dimensions}`)
}

describe('the alarms', () => {
  it('are these, and all of them say so to the one topic and say what to read', async () => {
    const manual = await read('docs/operations.md')
    assert.deepEqual(
      alarms()
        .map(([id]) => id)
        .toSorted(),
      [
        'DropsDlqAlarm',
        'FunctionErrorsAlarm',
        'FunctionThrottlesAlarm',
        'FunctionsDlqAlarm',
        'JobsDlqAlarm',
        'OldestOpenRunAlarm',
        'ReconcileAlarm',
        'RunFailedAlarm',
      ],
    )
    for (const [id, properties] of alarms()) {
      assert.deepEqual(properties.AlarmActions, [{ Ref: 'AlarmsTopic' }], id)
      const [, chapter = ''] =
        /docs\/operations\.md#([a-z-]+)$/.exec(String(properties.AlarmDescription)) ?? []
      assert.equal(properties.AlarmName, `millrace-dev-${chapter}`)
      assert.match(
        manual,
        new RegExp(`^### .*\\b${chapter.replaceAll('-', ' ')}$`, 'im'),
        `no chapter for ${id}`,
      )
    }
  })

  it('each look at a metric that is there: our own as it is emitted, of queues and functions that exist', () => {
    for (const [id, properties] of alarms()) {
      for (const { Namespace, MetricName, Dimensions } of metricsOf(properties)) {
        const names = ((Dimensions ?? []) as Node[]).map(({ Name }) => String(Name))
        if (Namespace === metricsNamespace) assertEmitted(String(MetricName), names)
        else if (MetricName === 'Throttles') assert.deepEqual(names, [])
        else assert.deepEqual(names, [Namespace === 'AWS/SQS' ? 'QueueName' : 'FunctionName'], id)
        const fixed = Object.fromEntries(
          ((Dimensions ?? []) as Node[]).map(({ Name, Value }) => [Name, Value]),
        )
        if (Namespace === metricsNamespace) {
          assert.equal(fixed.service, metricsService)
          assert.equal(fixed.stage, 'dev')
        }
      }
    }
  })

  it('miss no dead-letter queue and no function', () => {
    const named = [...walk(alarms())].map(({ value }) => value as Node)
    const dlqs = ofType(template, 'AWS::SQS::Queue').filter(([, { Properties }]) => !Properties.RedrivePolicy)
    assert.equal(dlqs.length, 3)
    for (const [id] of dlqs) {
      const watching = named.filter(value => (at(value, 'Fn::GetAtt') as string[] | undefined)?.[0] === id)
      assert.equal(watching.length, 1, id)
    }
    // What any function throws is counted by itself; only these two are fed by queues.
    const crashes = metricsOf(alarm('FunctionErrorsAlarm')).filter(
      ({ Namespace }) => Namespace === 'AWS/Lambda',
    )
    const refs = crashes.map(({ Dimensions }) => at(((Dimensions ?? []) as Node[])[0], 'Value.Ref'))
    const fed = ofType(template, 'AWS::Lambda::EventSourceMapping').map(([, { Properties }]) =>
      at(Properties, 'FunctionName.Fn::GetAtt.0'),
    )
    assert.deepEqual(refs.toSorted(), fed.toSorted())
  })

  it('take silence for a fault only of the one that must never be silent', () => {
    for (const [id, { TreatMissingData }] of alarms()) {
      assert.equal(TreatMissingData, id === 'ReconcileAlarm' ? 'breaching' : 'notBreaching', id)
    }
    const { Period, EvaluationPeriods, MetricName } = alarm('ReconcileAlarm')
    assert.equal(MetricName, 'Reconciled')
    // Every 5 minutes: one that is late, or fails once and is retried, is no alarm.
    assert.ok(Number(Period) * Number(EvaluationPeriods) >= 2 * 900)
  })

  it('are raised by what they are about, and not by less', () => {
    /** The largest value that is nothing to look at, and the smallest that is. */
    const edges: Record<string, [number, number]> = {
      DropsDlqAlarm: [0, 1],
      JobsDlqAlarm: [0, 1],
      FunctionsDlqAlarm: [0, 1],
      RunFailedAlarm: [0, 1],
      OldestOpenRunAlarm: [43_200, 43_201],
      ReconcileAlarm: [1, 0],
      FunctionErrorsAlarm: [4, 5],
      FunctionThrottlesAlarm: [0, 1],
    }
    const raises: Record<string, (value: number, threshold: number) => boolean> = {
      GreaterThanThreshold: (value, threshold) => value > threshold,
      GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
      LessThanThreshold: (value, threshold) => value < threshold,
    }
    for (const [id, { ComparisonOperator, Threshold, Statistic, MetricName }] of alarms()) {
      const raised = edges[id]?.map(value => raises[String(ComparisonOperator)]?.(value, Number(Threshold)))
      assert.deepEqual(raised, [false, true], id)
      // An average of a queue's length, or of counts of ones, would be another number.
      const isLevel = /^(ApproximateNumber|OldestOpen)/.test(String(MetricName))
      if (MetricName !== undefined) assert.equal(Statistic, isLevel ? 'Maximum' : 'Sum', id)
    }
  })

  it('cost what docs/operations.md counts', async () => {
    const billed = alarms().reduce((sum, [, properties]) => sum + metricsOf(properties).length, 0)
    // As many as AWS gives away.
    assert.ok(billed <= 10)
    assert.match(await read('docs/operations.md'), new RegExp(`\\b${billed} alarm metrics\\b`))
  })
})

describe('the topic', () => {
  it('is subscribed to only where there is an address', () => {
    const subscriptions = ofType(template, 'AWS::SNS::Subscription')
    assert.deepEqual(
      subscriptions.map(([, { Condition }]) => Condition),
      ['AlarmEmail'],
    )
    assert.deepEqual(template.Conditions.AlarmEmail, { 'Fn::Not': [{ 'Fn::Equals': ['', ''] }] })
    assert.ok(template.Outputs.AlarmsTopic)
  })

  it('is encrypted under our key, which those who send may use for it', () => {
    const topic = resource(template, 'AlarmsTopic', 'AWS::SNS::Topic')
    assert.deepEqual(topic.KmsMasterKeyId, { 'Fn::GetAtt': ['Key', 'Arn'] })
    const statements = at(resource(template, 'Key', 'AWS::KMS::Key'), 'KeyPolicy.Statement') as Node[]
    const statement = statements.find(({ Sid }) => Sid === 'AlarmsIntoTheTopic')
    assert.deepEqual(statement?.Principal, { Service: ['cloudwatch.amazonaws.com', 'events.amazonaws.com'] })
    const [[name, value] = []] = Object.entries(at(statement, 'Condition.StringEquals') as Node)
    assert.equal(name, 'kms:EncryptionContext:aws:sns:topicArn')
    // Spelled, for the key would otherwise have to be made after the topic that needs it.
    assert.ok(String(at(value, 'Fn::Sub')).endsWith(`:${topic.TopicName}`))
  })

  it('takes messages from our alarms, and of EventBridge without a condition, which that could not meet', () => {
    const { Statement } = resource(template, 'AlarmsTopicPolicy', 'AWS::SNS::TopicPolicy')
      .PolicyDocument as Node & { Statement: Node[] }
    assert.deepEqual(
      Statement.map(({ Principal, Action }) => [Principal, Action]),
      [
        [{ Service: 'cloudwatch.amazonaws.com' }, 'sns:Publish'],
        [{ Service: 'events.amazonaws.com' }, 'sns:Publish'],
      ],
    )
    // "You can't use of Condition blocks in Amazon SNS topic policies for EventBridge" (its user guide).
    assert.deepEqual(
      Statement.map(({ Condition }) => Condition !== undefined),
      [true, false],
    )
  })

  it('hears of a blocked queue of ours, and of no other and of nothing else', async () => {
    const rule = resource(template, 'QueueBlockedRule', 'AWS::Events::Rule')
    assert.deepEqual(at((rule.Targets as Node[])[0], 'Arn'), { Ref: 'AlarmsTopic' })
    const pattern = structuredClone(rule.EventPattern) as { detail: { jobQueue: unknown[] } }
    const queues = Object.keys(template.Resources).filter(
      id => template.Resources[id]?.Type === 'AWS::Batch::JobQueue',
    )
    assert.deepEqual(
      pattern.detail.jobQueue.map(one => at(one, 'Fn::GetAtt')),
      queues.map(id => [id, 'JobQueueArn']),
    )
    const recorded = JSON.parse(await read('test/infra/fixtures/events/batch-queue-blocked.json'))
    const failed = JSON.parse(await read('test/infra/fixtures/events/batch-plain-failed.json'))
    pattern.detail.jobQueue = [recorded.detail.jobQueue]
    const hears = compilePattern(pattern, 'QueueBlockedRule')
    assert.deepEqual([hears(recorded), hears(failed)], [true, false])
    assert.equal(hears({ ...recorded, detail: { ...recorded.detail, jobQueue: 'arn:of-others' } }), false)
  })

  it('may leave what it could not be told in the dead-letter queue of its rule', () => {
    const { PolicyDocument } = resource(template, 'FunctionsDlqPolicy', 'AWS::SQS::QueuePolicy')
    const senders = JSON.stringify(at(PolicyDocument, 'Statement.1.Condition.ArnEquals'))
    assert.match(senders, /"QueueBlockedRule","Arn"/)
  })
})

describe('the dashboard', () => {
  interface Widget {
    type: string
    x: number
    y: number
    width: number
    height: number
    properties: { title: string; metrics?: unknown[][]; alarms?: string[] }
  }
  const body = (): { text: string; widgets: Widget[] } => {
    const text = String(
      at(resource(template, 'Dashboard', 'AWS::CloudWatch::Dashboard'), 'DashboardBody.Fn::Sub'),
    )
    return { text, widgets: (JSON.parse(text) as { widgets: Widget[] }).widgets }
  }
  const expressions = (): string[] =>
    body()
      .widgets.flatMap(({ properties }) => properties.metrics ?? [])
      .flatMap(metric => metric.filter(part => typeof part === 'object') as { expression?: string }[])
      .flatMap(({ expression }) => expression ?? [])

  it('is valid JSON whose widgets do not cover one another', () => {
    const taken = new Set<string>()
    for (const { x, y, width, height, properties } of body().widgets) {
      assert.ok(x + width <= 24, properties.title)
      for (let cell = 0; cell < width * height; cell++) {
        const place = `${x + (cell % width)},${y + Math.floor(cell / width)}`
        assert.ok(!taken.has(place), `${properties.title} covers another at ${place}`)
        taken.add(place)
      }
    }
  })

  it('names only what the template has, and every alarm of it', () => {
    const { text, widgets } = body()
    for (const [, id = ''] of text.matchAll(/\$\{(\w+)(?:\.\w+)?\}/g)) {
      assert.ok(template.Resources[id], `there is no ${id}`)
    }
    assert.deepEqual(
      widgets.flatMap(({ properties }) => properties.alarms ?? []).toSorted(),
      alarms()
        .map(([id]) => `\${${id}.Arn}`)
        .toSorted(),
    )
  })

  it('looks for our metrics as they are emitted', () => {
    const seen = new Set<string>()
    for (const expression of expressions()) {
      const [, dimensions, name] = /\{Millrace,([\w,]+)\}.* MetricName="(\w+)"/.exec(expression) ?? []
      if (dimensions === undefined || name === undefined) continue
      assertEmitted(name, dimensions.split(','))
      assert.match(expression, /service="millrace" stage="dev"/)
      seen.add(name)
    }
    for (const metric of body().widgets.flatMap(({ properties }) => properties.metrics ?? [])) {
      if (metric[0] !== metricsNamespace) continue
      assertEmitted(String(metric[1]), ['service', 'stage'])
      seen.add(String(metric[1]))
    }
    // What is not on it is in an alarm.
    const hidden = Object.keys(metricTable).filter(name => !seen.has(name))
    assert.deepEqual(hidden, ['RunsNotPublished', 'StepFailures', 'Reconciled'])
  })

  it('shows what a person asks first', () => {
    const titled = (words: string): string => {
      const found = body().widgets.find(({ properties }) => properties.title.startsWith(words))
      return JSON.stringify(found?.properties.metrics ?? assert.fail(`no ${words}`))
    }
    const shows: Record<string, string[]> = {
      'Open runs by state': ['OpenRuns'],
      'Runs that ended': ['RunsSucceeded', 'RunsFailed', 'RunsRefused', 'RunsCancelled'],
      'Partitions in Batch by status': ['PartitionsInBatch'],
      'vCPU in use': ['VcpusInUse'],
      'Spot reclaims by pipeline': ['SpotReclaims'],
      'Bytes per pipeline': ['BytesRead', 'BytesPublished'],
      'Records per pipeline': ['RecordsRead', 'RecordsPublished', 'RecordsRejected'],
      // Every queue there is.
      'Queue depth': ofType(template, 'AWS::SQS::Queue').map(([id]) => `\${${id}.QueueName}`),
      'Functions: errors': ofType(template, 'AWS::Lambda::Function').map(([id]) => `\${${id}}`),
    }
    for (const [title, names] of Object.entries(shows))
      for (const name of names) assert.ok(titled(title).includes(name), `${title}: ${name}`)
  })

  it('estimates the cost of every function by its own memory, and of the vCPUs by the hour', () => {
    const [total, instances = '', functions = ''] = expressions().slice(-3)
    assert.equal(total, 'instances + functions')
    // A sample of every five minutes.
    assert.match(instances, /^FILL\(vcpu, 0\) \* 300 \/ 3600 \* 0\.02$/)
    const { text } = body()
    for (const [id, { Properties }] of ofType(template, 'AWS::Lambda::Function')) {
      const name = id.replace('LambdaFunction', '').toLowerCase()
      const GB = Number(Properties.MemorySize) / 1024
      const duration = `FILL(d${name}, 0)${GB === 1 ? '' : ` * ${GB}`}`
      assert.ok(
        [' +', ')'].some(next => functions.includes(`${duration}${next}`)),
        duration,
      )
      assert.ok(functions.includes(`FILL(i${name}, 0)`), name)
      for (const [metric, letter] of Object.entries({ Duration: 'd', Invocations: 'i' })) {
        const beside = `"${metric}", "FunctionName", "\${${id}}", {"id": "${letter}${name}", "stat": "Sum"`
        assert.ok(text.includes(beside), `${metric} of ${name}`)
      }
    }
  })

  it('uses in its arithmetic only what is beside it', () => {
    for (const { properties } of body().widgets) {
      const options = (properties.metrics ?? []).flatMap(
        metric => metric.filter(part => typeof part === 'object') as { id?: string; expression?: string }[],
      )
      const ids = new Set(options.map(({ id }) => id))
      for (const { expression = '' } of options) {
        if (expression.startsWith('SEARCH')) continue
        const used = expression.match(/\b[a-z]\w*\b/g) ?? []
        assert.deepEqual(
          used.filter(id => !ids.has(id)),
          [],
          expression,
        )
      }
    }
  })
})

describe('the metrics', () => {
  it('are in the namespace that the functions are told', () => {
    for (const [id, { Properties }] of ofType(template, 'AWS::Lambda::Function')) {
      assert.equal(at(Properties, 'Environment.Variables.POWERTOOLS_METRICS_NAMESPACE'), metricsNamespace, id)
      assert.equal(at(Properties, 'Environment.Variables.POWERTOOLS_SERVICE_NAME'), metricsService, id)
    }
  })

  it('are each in docs/operations.md with unit and dimensions', async () => {
    const manual = await read('docs/operations.md')
    for (const [name, { unit, by }] of Object.entries(metricTable)) {
      const line = manual.split('\n').find(text => text.startsWith(`| \`${name}\` |`))
      assert.ok(line, `${name} is not documented`)
      const [, , documentedUnit, dimensions = ''] = line.split('|').map(cell => cell.trim())
      assert.equal(documentedUnit, unit, name)
      const expected = by.map(labels =>
        labels.length === 0 ? 'stage' : labels.map(label => `\`${label}\``).join(),
      )
      assert.equal(dimensions, expected.join(', '), name)
    }
  })
})
