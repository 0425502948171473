/** A pipeline on a schedule: each tick is one run of what no run has yet, and no object is in two. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { objectsPerTickMax } from '../../functions/steps/new-objects.ts'
import { epochMs } from '../../shared/clock.ts'
import { seededRandom } from '../../shared/memory/clock.ts'
import type { PipelineInput } from '../../shared/pipeline.ts'
import { scheduleDue, tickKeys } from '../../shared/ticks.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Delivery } from '../../sim/deliveries.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { assertEachOnce } from './certified.ts'
import { assertWell, runsOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const six = epochMs('2026-11-21T06:00:00Z')
const noon = epochMs('2026-11-21T12:00:00Z')

function scheduled(more: object = {}, name = 'text'): PipelineInput {
  const { source, ...rest } = linesPipeline({ name })
  const schedule = { expression: 'rate(6 hours)' }
  return {
    ...rest,
    source: { ...source, schedule, ...more },
    split: { partitionBytes: 60 },
    retry: { attempts: 10 },
  } as PipelineInput
}

function houseOf(more: object = {}, options: Partial<HouseOptions> = {}): MemoryHouse {
  return new MemoryHouse({ pipelines: [scheduled(more)], ...options })
}

async function dropMany(house: MemoryHouse, count: number, mark = 'file'): Promise<void> {
  for (let at = 0; at < count; at++) await house.drop(`text/${mark}-${at}.txt`, linesOf(1, `${mark} ${at}`))
}

/** Times the same tick comes. */
async function tick(house: MemoryHouse, at: number, times = 1): Promise<void> {
  for (let time = 0; time < times; time++) await house.ports.bus.publish(scheduleDue('text', at))
}

const keysOf = async (house: MemoryHouse) => (await runsOf(house, 'text')).map(({ source }) => source.key)

describe('a tick', () => {
  test('makes one run of all that came, and nothing is loaded before', async () => {
    const house = houseOf()
    await dropMany(house, 7)
    await house.untilQuiet()
    assert.deepEqual(await runsOf(house, 'text'), [])
    await tick(house, six)
    await house.untilEnded()
    await assertWell(house)
    await assertEachOnce(house, 7)
    const [run, ...others] = await runsOf(house, 'text')
    assert.equal(others.length, 0)
    assert.equal(run?.source.key, '_ticks/text/2026-11-21T06:00:00Z')
    assert.deepEqual(run?.objects, { count: 7, bytes: 140 })
    assert.equal(run?.partitions, 3)
  })

  test('takes only what came since the one before', async () => {
    const house = houseOf()
    await dropMany(house, 3, 'early')
    await tick(house, six)
    await house.untilEnded()
    await dropMany(house, 2, 'late')
    await tick(house, noon)
    await house.untilEnded()
    await assertWell(house)
    await assertEachOnce(house, 5)
    const counts = (await runsOf(house, 'text')).map(({ objects }) => objects?.count)
    assert.deepEqual(counts.toSorted(), [2, 3])
  })

  test('with nothing new makes no run', async () => {
    const house = houseOf()
    await tick(house, six)
    await house.untilEnded()
    assert.deepEqual(await runsOf(house, 'text'), [])
    await dropMany(house, 2)
    await tick(house, noon)
    await house.untilEnded()
    await tick(house, noon + 6 * 60 * 60 * 1000)
    await house.untilEnded()
    await assertWell(house)
    assert.deepEqual(await keysOf(house), ['_ticks/text/2026-11-21T12:00:00Z'])
  })

  test('takes an object that is dropped anew as what it is now', async () => {
    const house = houseOf()
    await house.drop('text/a.txt', linesOf(1, 'one'))
    await tick(house, six)
    await house.untilEnded()
    await house.drop('text/a.txt', linesOf(2, 'two'))
    await tick(house, noon)
    await house.untilEnded()
    await assertWell(house)
    const read = (await runsOf(house, 'text')).map(({ totals }) => totals?.recordsRead)
    assert.deepEqual(read.toSorted(), [1, 2])
  })

  test('takes what was there before Millrace heard of it, and nothing of a longer prefix', async () => {
    const inner = { ...scheduled({ prefix: 'text/inner/' }, 'inner'), output: { prefix: 'curated/inner/' } }
    const copies = ({ event }: Delivery): number =>
      (event as { source?: string }).source === 'aws.s3' ? 0 : 1
    const house = new MemoryHouse({ pipelines: [scheduled(), inner], copies })
    await house.drop('text/mine.txt', linesOf(1))
    await house.drop('text/inner/theirs.txt', linesOf(1))
    await house.drop('text/folder/', '')
    await tick(house, six)
    await house.untilEnded()
    await assertWell(house)
    const [run] = await runsOf(house, 'text')
    assert.deepEqual(run?.objects, { count: 1, bytes: 20 })
  })

  test('leaves what a list has loaded', async () => {
    const house = houseOf()
    await dropMany(house, 3)
    await house.drop('_manifests/text/some', 'text/file-0.txt\ntext/file-1.txt\n')
    await house.untilEnded()
    await tick(house, six)
    await house.untilEnded()
    await assertWell(house)
    await assertEachOnce(house, 3)
  })

  test('of a pipeline that has no schedule, or is no more, does nothing', async () => {
    const house = new MemoryHouse({ pipelines: [linesPipeline()] })
    await tick(house, six)
    await house.ports.bus.publish(scheduleDue('gone', six))
    await house.untilQuiet()
    await assertWell(house)
    assert.deepEqual(await runsOf(house, 'text'), [])
  })
})

describe('ticks that go wrong', () => {
  test('cannot make a second run of the same tick, however often it comes', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const house = houseOf({}, { seed })
      await dropMany(house, 5)
      await house.untilQuiet()
      await tick(house, six, 3)
      // In the middle of it one more object comes: of this run or of none.
      for (let turn = 0; turn < 20 * seed; turn++) await house.turn()
      await house.drop('text/more.txt', linesOf(1, 'more'))
      await tick(house, six)
      await house.untilEnded()
      await assertWell(house)
      assert.deepEqual(await keysOf(house), ['_ticks/text/2026-11-21T06:00:00Z'])
      await tick(house, noon)
      await house.untilEnded()
      await assertEachOnce(house, 6)
    }
  })

  test('cannot load an object twice where two of them overlap', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const house = houseOf({}, { seed })
      await dropMany(house, 6)
      await house.untilQuiet()
      await Promise.all([tick(house, six, 2), tick(house, noon, 2)])
      await house.untilEnded()
      await assertWell(house)
      await assertEachOnce(house, 6)
    }
  })

  test('leave nothing out, and load nothing twice, in any of 15 storms', async () => {
    const faults: unknown[] = []
    for (let seed = 1; seed <= 15; seed++)
      await storm(seed).catch(cause => faults.push(new Error(`seed ${seed}`, { cause })))
    assert.deepEqual(faults, [])
  })

  for (const when of ['before', 'after'] as const) {
    test(`leave nothing out where the function dies ${when} any one of its calls took effect`, async () => {
      const { calls } = await playThree()
      const own = calls.flatMap(({ by }, at) => (by === 'partition' ? [at] : []))
      assert.ok(own.length > 10)
      const faults: unknown[] = []
      for (const at of own) {
        const hit = async (): Promise<void> => {
          const house = await playThree((_, number) => (number === at ? { kind: 'dies', when } : undefined))
          await assertWell(house)
          await assertEachOnce(house, 3)
        }
        await hit().catch(cause => faults.push(new Error(`${when} call ${at}`, { cause })))
      }
      assert.deepEqual(faults, [])
    })
  }

  test('and never come again leave nothing out: the next tick ends what they began, at whatever call they died', async () => {
    const { calls } = await playThree()
    const own = calls.flatMap(({ by }, at) => (by === 'partition' ? [at] : []))
    const faults: unknown[] = []
    for (const at of own) {
      let down = true
      const house = houseOf(
        {},
        {
          fault: ({ by }, number) =>
            down && by === 'partition' && number >= at ? { kind: 'dies', when: 'before' } : undefined,
        },
      )
      await dropMany(house, 3)
      await tick(house, six)
      await house.untilEnded(3)
      down = false
      await tick(house, noon)
      await house.untilEnded(3)
      await assertEachOnce(house, 3).catch(cause => faults.push(new Error(`call ${at}`, { cause })))
    }
    assert.deepEqual(faults, [])
  })
})

/** Calls that fail, events that come twice or late, and drops while a tick is at work. */
async function storm(seed: number): Promise<void> {
  const random = seededRandom(seed)
  let notices = 0
  const house = houseOf(
    {},
    {
      seed,
      copies: ({ step }) => Math.floor(random() * 3) + (step === 'partition' ? 1 : 0),
      fault: ({ by }) => {
        if (random() > 0.02) return undefined
        if (by === 'notify') notices++
        return random() < 0.5 ? 'before' : 'after'
      },
      dawdles: () => (random() < 0.03 ? random() * 60_000 : 0),
    },
  )
  await dropMany(house, 4, 'one')
  await tick(house, six)
  if (seed % 2 === 0) for (let turn = 0; turn < 10 * seed; turn++) await house.turn()
  await dropMany(house, 4, 'two')
  await tick(house, noon)
  await house.untilEnded(40)
  await tick(house, noon + 1000)
  await house.untilEnded(40)
  await assertWell(house, 2 + notices)
  await assertEachOnce(house, 8)
}

async function playThree(fault?: HouseOptions['fault']): Promise<MemoryHouse> {
  const house = houseOf({}, fault ? { fault } : {})
  await dropMany(house, 3)
  await tick(house, six)
  await house.untilEnded(3)
  await tick(house, noon)
  await house.untilEnded(3)
  return house
}

test(`a tick that finds more than it can take goes on at the next: ${objectsPerTickMax} at most`, async () => {
  const house = houseOf()
  await dropMany(house, 4)
  await house.ports.records.put({ ...tickKeys.now('text'), after: 'text/file-1.txt' })
  await tick(house, six)
  await house.untilEnded()
  assert.equal((await runsOf(house, 'text'))[0]?.objects?.count, 2)
  await tick(house, noon)
  await house.untilEnded()
  await assertWell(house)
  await assertEachOnce(house, 4)
  assert.equal((await runsOf(house, 'text')).filter(({ state }) => state === RunState.SUCCEEDED).length, 2)
})
