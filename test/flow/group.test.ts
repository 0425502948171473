/** Small objects that come close to one another become one run: each of them in exactly one certificate. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openGroupsPk } from '../../shared/groups.ts'
import { seededRandom } from '../../shared/memory/clock.ts'
import type { PipelineInput } from '../../shared/pipeline.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Delivery } from '../../sim/deliveries.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { countedCalls, type PortCall } from '../../sim/port-calls.ts'
import { assertEachOnce } from './certified.ts'
import { assertWell, runsOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

type Group = { seconds?: number; objects?: number; bytes?: number }

function grouped(group: Group = {}, more: { skipIdentical?: boolean } = {}): PipelineInput {
  const { source, ...rest } = linesPipeline()
  return {
    ...rest,
    source: { ...source, ...more, group },
    split: { partitionBytes: 60 },
    retry: { attempts: 10 },
  } as PipelineInput
}

function houseOf(options: Partial<HouseOptions> & { group?: Group } = {}): MemoryHouse {
  const { group, ...rest } = options
  return new MemoryHouse({ pipelines: [grouped(group)], ...rest })
}

async function dropMany(house: MemoryHouse, count: number, mark = 'file'): Promise<void> {
  for (let at = 0; at < count; at++) await house.drop(`text/${mark}-${at}.txt`, linesOf(1, `${mark} ${at}`))
}

/** Until no run and no group is open. @returns how many reconciles it took */
async function untilAllEnded(house: MemoryHouse, reconcilesMax = 0): Promise<number> {
  let taken = await house.untilEnded(reconcilesMax)
  while ((await house.ports.records.query({ index: 'open', pk: openGroupsPk })).items.length > 0) {
    assert.ok(taken++ < reconcilesMax, 'a group stays open')
    await house.reconcile()
    taken += await house.untilEnded(reconcilesMax)
  }
  return taken
}

const statesOf = async (house: MemoryHouse) => (await runsOf(house, 'text')).map(({ state }) => state)

describe('a burst of small objects', () => {
  test('becomes one run when its window ends', async () => {
    const house = houseOf()
    await dropMany(house, 20)
    await untilAllEnded(house)
    await assertWell(house)
    await assertEachOnce(house, 20)
    const [run, ...others] = await runsOf(house, 'text')
    assert.equal(others.length, 0)
    assert.equal(run?.totals?.recordsRead, 20)
    assert.equal(run?.partitions, 7, 'three objects of 20 bytes to each partition of 60')
  })

  test('is cut where so many objects are together, without waiting', async () => {
    const house = houseOf({ group: { objects: 5 } })
    const begun = house.ports.clock.now()
    await dropMany(house, 10)
    while ((await runsOf(house, 'text')).length < 2 && house.ports.clock.now() === begun)
      await house.untilQuiet()
    await untilAllEnded(house)
    await assertWell(house)
    await assertEachOnce(house, 10)
    assert.ok((await runsOf(house, 'text')).length >= 2)
  })

  test('is cut where so many bytes are together', async () => {
    const house = houseOf({ group: { bytes: 60 } })
    await dropMany(house, 9)
    await untilAllEnded(house)
    await assertEachOnce(house, 9)
    assert.ok((await runsOf(house, 'text')).length >= 3)
  })

  test('does not hold up an object that is larger than a partition', async () => {
    const house = houseOf()
    await house.drop('text/small.txt', linesOf(1))
    const runId = await house.drop('text/large.txt', linesOf(4))
    await untilAllEnded(house)
    await assertEachOnce(house, 2)
    const ids = (await runsOf(house, 'text')).map(run => run.runId)
    assert.ok(ids.includes(runId), 'the large one has a run of its own')
    assert.equal(ids.length, 2)
  })

  test('cannot count an object twice that is announced again and again, then once more a day later', async () => {
    const events: unknown[] = []
    const house = houseOf({
      group: { objects: 4 },
      copies: delivery => {
        if ((delivery.event as { source?: string }).source === 'aws.s3') events.push(delivery.event)
        return 3
      },
    })
    await dropMany(house, 10)
    await untilAllEnded(house)
    const runs = (await runsOf(house, 'text')).length
    await house.moveTo(house.ports.clock.now() + 24 * 60 * 60 * 1000)
    for (const event of events.slice(0, 10)) house.deliveries.enqueue('partition', event)
    await untilAllEnded(house)
    await assertWell(house)
    await assertEachOnce(house, 10)
    assert.equal((await runsOf(house, 'text')).length, runs)
  })

  test('costs few calls for each of its objects', async () => {
    const house = houseOf()
    await dropMany(house, 100)
    await untilAllEnded(house)
    const planning = house.calls.filter(({ by }) => by === 'partition')
    assert.ok(planning.length < 100 * 8, JSON.stringify(countedCalls(planning)))
  })
})

describe('what is dropped again', () => {
  test('with the very content of before can be left out of a group', async () => {
    const house = new MemoryHouse({ pipelines: [grouped({}, { skipIdentical: true })] })
    await dropMany(house, 3)
    await untilAllEnded(house)
    await dropMany(house, 3)
    await house.drop('text/new.txt', linesOf(1))
    await untilAllEnded(house)
    await assertWell(house)
    await assertEachOnce(house, 4)
  })

  test('while its group is open is told of: the version that is gone is REFUSED, the new one is loaded', async () => {
    const house = houseOf({ slots: 4 })
    await house.drop('text/a.txt', linesOf(1, 'old'))
    await house.drop('text/a.txt', linesOf(1, 'new'))
    await house.drop('text/b.txt', linesOf(1))
    await untilAllEnded(house)
    assert.deepEqual((await statesOf(house)).toSorted(), [RunState.REFUSED, RunState.SUCCEEDED])
    await assertEachOnce(house, 2)
  })
})

/** The drops are in a queue until they are done; so are the words of Scheduler, unless a story loses them. */
const isGroupDue = ({ event }: Delivery): boolean =>
  (event as { 'detail-type'?: string })['detail-type'] === 'Group Due'

async function playFour(fault?: HouseOptions['fault']): Promise<MemoryHouse> {
  const house = houseOf({ group: { objects: 3 }, ...(fault ? { fault } : {}) })
  await dropMany(house, 4)
  await untilAllEnded(house, 4)
  return house
}

describe('nobody is lost', () => {
  test('where the event at the end of the window is', async () => {
    const house = houseOf({
      copies: delivery => (isGroupDue(delivery) && delivery.by !== 'reconcile' ? 0 : 1),
    })
    await dropMany(house, 6)
    assert.ok((await untilAllEnded(house, 4)) > 0)
    await assertWell(house)
    await assertEachOnce(house, 6)
  })

  for (const when of ['before', 'after'] as const) {
    test(`where planning fails ${when} any one of its calls took effect`, async () => {
      const { calls } = await playFour()
      const own = calls.flatMap(({ by }, at) => (by === 'partition' ? [at] : []))
      const faults: unknown[] = []
      for (const at of own) {
        const hit = async (): Promise<void> => {
          const house = await playFour((_, number) => (number === at ? when : undefined))
          await assertWell(house)
          await assertEachOnce(house, 4)
        }
        await hit().catch(cause => faults.push(new Error(`${when} call ${at}`, { cause })))
      }
      assert.deepEqual(faults, [])
    })
  }

  test('in any of 25 storms', async () => {
    const faults: unknown[] = []
    for (let seed = 1; seed <= 25; seed++) {
      await storm(seed).catch(cause => faults.push(new Error(`seed ${seed}`, { cause })))
    }
    assert.deepEqual(faults, [])
  })
})

async function storm(seed: number): Promise<void> {
  const random = seededRandom(seed)
  const hits: PortCall[] = []
  const house = houseOf({
    seed,
    group: { objects: 3, seconds: 30 },
    copies: delivery => {
      const sure = delivery.step === 'partition' && !isGroupDue(delivery)
      return Math.floor(random() * 3) + (sure ? 1 : 0)
    },
    fault: call => {
      if (random() > 0.02) return undefined
      hits.push(call)
      return random() < 0.5 ? 'before' : 'after'
    },
    dawdles: () => (random() < 0.03 ? random() * 60_000 : 0),
  })
  await dropMany(house, 4, 'one')
  if (seed % 2 === 0) await house.untilQuiet()
  await dropMany(house, 4, 'two')
  await untilAllEnded(house, 40)
  await assertWell(house, 2 + hits.filter(({ by }) => by === 'notify').length)
  await assertEachOnce(house, 8)
}
