/** "Was this object loaded?" is answered for ever, whatever happened while it was planned. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { partition } from '../../functions/partition.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import type { Item } from '../../shared/table.ts'
import type { World } from '../../shared/world.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'
import { assertWell, runsOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

describe('the ledger of sources', () => {
  test('knows a version and its content, even if its writer died before each of them once', async () => {
    const died = new Set<string>()
    const house = new MemoryHouse({
      pipelines: [linesPipeline()],
      fault: ({ name, subject }) => {
        const { pk, sk } = subject as Item
        if (name !== 'records.put' || !pk.startsWith('SOURCE#') || died.has(sk)) return undefined
        died.add(sk)
        return 'before'
      },
    })
    await house.drop('text/a.txt', linesOf(2))
    await house.untilEnded()
    assert.equal(died.size, 2)
    await assertWell(house)
  })
})

describe('a file announced twice is loaded once', () => {
  const alone = parsePipeline(linesPipeline(), 'alone')
  const grouped = { ...alone, source: { ...alone.source, group: { seconds: 60, objects: 9, bytes: 900 } } }

  /** A house that is told of its drop only by the event that this gives back. */
  async function announced() {
    const events: unknown[] = []
    const house = new MemoryHouse({
      pipelines: [linesPipeline()],
      copies: ({ event }) => {
        const isDrop = (event as { source?: string }).source === 'aws.s3'
        if (isDrop) events.push(event)
        return isDrop ? 0 : 1
      },
    })
    await house.drop('text/a.txt', linesOf(2))
    await house.untilQuiet()
    const under = (one: typeof alone): World => ({ ...house.worldOf(person), pipelines: [one] })
    return { house, event: events[0], under }
  }

  async function assertLoadedOnce(house: MemoryHouse): Promise<void> {
    await house.untilEnded(3)
    await assertWell(house)
    assert.deepEqual(
      (await runsOf(house, 'text')).map(({ totals }) => totals?.recordsRead),
      [2],
    )
  }

  test('where source.group was removed after its group had closed', async () => {
    const { house, event, under } = await announced()
    await partition(under(grouped), event)
    await house.untilEnded(3)
    await partition(under(alone), event)
    await assertLoadedOnce(house)
  })

  test('where source.group was removed while its group was open', async () => {
    const { house, event, under } = await announced()
    await partition(under(grouped), event)
    await partition(under(alone), event)
    await assertLoadedOnce(house)
  })

  test('where its group takes it while it is planned alone', async () => {
    const { house, event, under } = await announced()
    await partition(under(grouped), event)
    const world = under(alone)
    const head: World['objects']['head'] = async (...given) => {
      await house.untilEnded(3)
      return world.objects.head(...given)
    }
    await partition({ ...world, objects: replaced(world.objects, { head }) }, event)
    await assertLoadedOnce(house)
  })

  test('where source.group was set after its planning had died half-way', async () => {
    const { house, event, under } = await announced()
    const world = under(alone)
    const put: World['records']['put'] = async (item, guard) => {
      if (String(item.pk).startsWith('RUN#') && item.sk === 'RUN') throw new Error('died')
      return world.records.put(item, guard)
    }
    await assert.rejects(partition({ ...world, records: replaced(world.records, { put }) }, event), /died/)
    await partition(under(grouped), event)
    await assertLoadedOnce(house)
  })
})

/** The port, with some of its methods others. */
function replaced<Port extends object>(port: Port, methods: Partial<Port>): Port {
  return new Proxy(port, { get: (target, name) => Reflect.get(name in methods ? methods : target, name) })
}
