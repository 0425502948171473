/** The local stack runs on what is deployed: the packaged CloudFormation says who is told what, and it works. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { stageWiring } from '../../../local/events/delivery.ts'
import { readWiring } from '../../../local/serverless/file.ts'
import type { RuleWiring, Wiring } from '../../../local/serverless/wiring.ts'
import { localConfig } from '../../../shared/config.ts'
import { pipelineSet } from '../../../shared/pipelines.ts'
import { fromItem, type RoundRecord, recordKeys } from '../../../shared/records.ts'
import { RunState } from '../../../shared/vocabulary.ts'
import { dropped, givenUp, openStory, type Story, told } from '../../story/story.ts'
import { type Node, ofType, type Packaged, packagePipelines, resource } from '../packaged.ts'
import { packagedWiring } from './wiring.ts'

const readings = {
  name: 'readings',
  source: { prefix: 'readings/', format: 'csv', columns: { id: 'INTEGER', value: 'DOUBLE' } },
  work: { sql: 'SELECT id, value FROM input' },
  output: { prefix: 'curated/readings/' },
  job: { memoryMiB: 512 },
  retry: { attempts: 3, backoffSeconds: 0 },
  notify: { slack: '#readings', on: ['SUCCEEDED', 'FAILED'] },
}
/** Its tick comes on the first of January. */
const yearly = {
  name: 'yearly',
  source: {
    prefix: 'yearly/',
    format: 'lines',
    schedule: { expression: 'cron(0 2 1 1 ? *)', timezone: 'Europe/Berlin' },
  },
  work: { sql: 'SELECT line FROM input' },
  output: { prefix: 'curated/yearly/' },
}
const pipelines = pipelineSet({ 'readings.ts': readings, 'yearly.ts': yearly })
const config = localConfig('/nowhere', '/nowhere/pipelines')
const serverlessFile = new URL('../../../serverless.yml', import.meta.url).pathname

const said = ({ targets, pattern }: RuleWiring): string => JSON.stringify([targets, pattern])

/** A rule that serverless makes of a function's event is named by serverless. */
function nameless(wiring: Wiring): Wiring {
  const rules = wiring.rules.map(rule => ({ ...rule, name: '' }))
  return {
    ...wiring,
    rules: rules.toSorted((left, right) => (said(left) < said(right) ? -1 : 1)),
    queues: wiring.queues.toSorted((left, right) => (left.name < right.name ? -1 : 1)),
    schedules: wiring.schedules.map(schedule => ({ ...schedule, name: '' })),
  }
}

describe('the packaged template', () => {
  let packaged: Packaged
  let wiring: Wiring
  before(async () => {
    packaged = await packagePipelines(pipelines, '--stage', config.stage)
    wiring = packagedWiring(packaged.template, config)
  })
  after(() => rm(packaged.dir, { recursive: true, force: true }))

  it('wires what serverless.yml wires on one machine: nothing is lost or added on the way to AWS', () => {
    assert.deepEqual(nameless(wiring), nameless(readWiring(serverlessFile, config, pipelines)))
  })

  it('ticks for the pipelines for which the local stage ticks, by the same clock', () => {
    const ticks = ofType(packaged.template, 'AWS::Scheduler::Schedule').flatMap(([, { Properties }]) => {
      const { Input, EventBridgeParameters } = Properties.Target as Node
      if (EventBridgeParameters === undefined) return []
      const { pipeline } = JSON.parse(String(Input)) as { pipeline: string }
      const { ScheduleExpression: expression, ScheduleExpressionTimezone: timezone } = Properties
      return [{ pipeline, schedule: { expression, timezone } }]
    })
    assert.deepEqual(ticks, stageWiring(config, pipelines).ticks)
    assert.equal(ticks.length, 1)
  })

  it('cannot send to what is no queue, nor by anything but an Arn', () => {
    for (const Arn of [{ 'Fn::GetAtt': ['Table', 'Arn'] }, { 'Fn::GetAtt': ['DropsQueue', 'QueueName'] }]) {
      const template = structuredClone(packaged.template)
      const { Targets } = resource(template, 'DropsRule', 'AWS::Events::Rule')
      Object.assign((Targets as object[])[0] ?? {}, { Arn })
      assert.throws(() => packagedWiring(template, config))
    }
  })

  it('carries a file from its drop over a lost instance and a second round to its certificate', async () => {
    const story = await openStory({ 'readings.ts': readings }, { wiring })
    try {
      await story.stack.batch.interfere({ jobNamePattern: '*', index: 1, reclaimWhenStarted: true })
      await story.stack.batch.interfere({
        jobNamePattern: '*',
        index: 2,
        environment: { MILLRACE_LOCAL_FAULT: 'slow-down' },
      })
      const run = await dropped(story, 'readings/day.csv', lines(3_000), { partitionBytes: 10_000 })
      assert.equal(run.state, RunState.SUCCEEDED)
      assert.equal(run.round, 2)
      const [first = '', ...more] = await attemptsOf(story, run.runId, 1)
      assert.match(first, /^Host EC2/)
      assert.equal(more.length, 1, 'Batch itself tried the reclaimed partition again')
      assert.ok(told(story, run.runId).length > 0)
      assert.deepEqual(givenUp(story), [])
    } finally {
      await story.close()
    }
  })
})

/** What ended each attempt of a child of round 1. */
async function attemptsOf({ stack }: Story, runId: string, index: number): Promise<string[]> {
  const item = await stack.world.records.get(recordKeys.round(runId, 1))
  const { job0 } = fromItem<RoundRecord>(item ?? assert.fail('there is no round 1'))
  return (stack.batch.job(`${job0}:${index}`)?.attempts ?? []).map(({ statusReason = '' }) => statusReason)
}

function lines(count: number): string {
  const rows = Array.from({ length: count }, (_, index) => `${index},${(index * 7) % 1000}.25`)
  return `id,value\n${rows.join('\n')}\n`
}
