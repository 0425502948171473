/** What ticks of a schedule are granted, held against what they ask: all is needed, and nothing lacks. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import type { PipelineInput } from '../../../shared/pipeline.ts'
import { pipelineSet } from '../../../shared/pipelines.ts'
import { manifestsPrefix } from '../../../shared/reserved.ts'
import { scheduleDue } from '../../../shared/ticks.ts'
import { MemoryHouse } from '../../../sim/memory-house.ts'
import { linesOf, linesPipeline } from '../../flow/settings.ts'
import { at, idOf, ofType, type Packaged, packagePipelines } from '../packaged.ts'
import { callersIn } from './callers.ts'
import { keysOf } from './keys.ts'
import { observer, Replayed, type Seen } from './replay.ts'
import { resolved } from './resolve.ts'
import type { Used } from './service-calls.ts'
import { grantsOf, judge } from './statements.ts'

const text: PipelineInput = {
  ...linesPipeline(),
  source: { prefix: 'text/', format: 'lines', schedule: { expression: 'rate(6 hours)' } },
}

async function playTicks(observed: ReturnType<typeof observer>): Promise<void> {
  const house = new MemoryHouse({ pipelines: [text], observed })
  for (const mark of ['a', 'b']) await house.drop(`text/${mark}.txt`, linesOf(2, mark))
  await house.drop(`${manifestsPrefix}text/list.json`, JSON.stringify({ prefix: 'text/a' }))
  await house.untilEnded()
  for (const hours of [6, 12]) {
    await house.ports.bus.publish(scheduleDue('text', hours * 3_600_000))
    await house.untilEnded()
  }
}

describe('the grants of a tick', () => {
  let packaged: Packaged
  let verdict: ReturnType<typeof judge>
  const used: Used[] = []

  before(async () => {
    packaged = await packagePipelines(pipelineSet({ text }))
    const { template } = packaged
    const seen: Seen[] = []
    await playTicks(observer(call => seen.push(call)))
    const partition = callersIn(template).get('partition')
    assert.ok(partition)
    const replayed = new Replayed(partition, needs => {
      for (const need of needs) used.push({ role: partition.role, need })
    })
    for (const call of seen) if (call.by === 'partition') await replayed.replay(call)
    used.push(...scheduled())
    verdict = judge(grantsOf(template), used)
  })
  after(() => rm(packaged.dir, { recursive: true, force: true }))

  /** What Scheduler does in the name of the schedule's role. */
  function scheduled(): Used[] {
    const { template } = packaged
    const keys = keysOf(template)
    return ofType(template, 'AWS::Scheduler::Schedule')
      .filter(([, { Properties }]) => at(Properties, 'Target.EventBridgeParameters') !== undefined)
      .flatMap(([, { Properties }]) => {
        const arn = (dotted: string): string => String(resolved(at(Properties, dotted), template))
        const given = { action: 'sqs:SendMessage', resource: arn('Target.DeadLetterConfig.Arn') }
        const needs = [{ action: 'events:PutEvents', resource: arn('Target.Arn') }, given, ...keys(given)]
        return needs.map(need => ({ role: idOf(at(Properties, 'Target.RoleArn')), need }))
      })
  }

  const isOfTicks = (line: string): boolean => line.startsWith('TicksRole') || line.includes('index/pipeline')

  it('allow every call that planning makes, and that Scheduler makes', () => {
    assert.ok(used.some(({ need }) => need.resource.endsWith('/index/pipeline')))
    assert.ok(used.some(({ role }) => role === 'TicksRole'))
    assert.deepEqual(verdict.outside, [])
  })

  it('cannot be left out: each is used', () => {
    // Reconcile asks that index too, and is not asked here.
    const unused = verdict.unused.filter(line => isOfTicks(line) && !line.startsWith('ReconcileRole'))
    assert.deepEqual(unused, [])
  })
})
