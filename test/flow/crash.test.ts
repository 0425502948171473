/** The house is hit at every single call it makes of the world, and must come to the same good end. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stageBase } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Delivery } from '../../sim/deliveries.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import type { PortCall } from '../../sim/port-calls.ts'
import { assertWell, runOf } from './endings.ts'
import { arrayOf, arrayPipeline, linesOf, linesPipeline, merged } from './settings.ts'

const misfortunes: Misfortune[] = [
  {
    partition: 1,
    round: 1,
    kind: 'throws',
    error: new MillraceError('TEMPORARY_FAILURE', 'the network hiccups'),
  },
  { partition: 3, kind: 'reclaimed' },
]
/** A lost event costs one look, the leases of submit and notify another. */
const reconcilesMax = 3

/** Five partitions, one temporary failure, one reclaim. */
async function play(options: Partial<HouseOptions> = {}, looksMax = reconcilesMax): Promise<Played> {
  const house = new MemoryHouse({ pipelines: [linesPipeline()], misfortunes, ...options })
  return ended(house, await house.drop('text/five.txt', linesOf(5)), looksMax)
}

/** Split, work and merge; the split is reclaimed, and one partition fails once. */
async function playStages(options: Partial<HouseOptions> = {}): Promise<Played> {
  const pipelines = [merged(arrayPipeline)]
  const troubles: Misfortune[] = [
    { partition: stageBase.split, kind: 'reclaimed' },
    { partition: 1, round: 2, kind: 'throws', error: new MillraceError('TEMPORARY_FAILURE', 'a hiccup') },
  ]
  const house = new MemoryHouse({ pipelines, misfortunes: troubles, ...options })
  return ended(house, await house.drop('array/two.json', arrayOf(2)), reconcilesMax)
}

interface Played {
  house: MemoryHouse
  reconciles: number
}

async function ended(house: MemoryHouse, runId: string, looksMax: number): Promise<Played> {
  const reconciles = await house.untilEnded(looksMax)
  assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
  return { house, reconciles }
}

const onlyByReconcile = ({ step, by }: Delivery): number =>
  step === 'partition' || by === 'reconcile' ? 1 : 0

/** Slack takes no token for "the same again": what fails between its answer and our record is said twice. */
function wordsMax(hit: PortCall | undefined): number {
  return hit?.by === 'notify' && (hit.name === 'chat.post' || hit.name === 'records.update') ? 2 : 1
}

async function playHit(
  playOnce: typeof play,
  when: 'before' | 'after',
  afterFault: 'again' | 'lost',
  at: number,
  seed: number,
) {
  let hit: PortCall | undefined
  const fault = (call: PortCall, number: number) => {
    if (number === at) hit = call
    return number === at ? when : undefined
  }
  try {
    const { house } = await playOnce({ fault, afterFault, seed })
    assert.notEqual(hit, undefined, 'the story was over before')
    await assertWell(house, wordsMax(hit))
    assert.deepEqual(house.deliveries.dead, [])
    assert.equal(house.ports.invariants.said.size, 1)
  } catch (cause) {
    throw new Error(`${when} call ${at}, ${hit?.name} of ${hit?.by}, then ${afterFault}, seed ${seed}`, {
      cause,
    })
  }
}

describe('a run of five partitions, one of them reclaimed and one failing once', () => {
  test('ends by itself, without a reconcile', async () => {
    const { house, reconciles } = await play()
    await assertWell(house)
    assert.equal(reconciles, 0)
    assert.equal(house.ports.chat.messages.length, 1)
  })

  test('ends well where any one event is lost for ever', async () => {
    const { house } = await play()
    // Number 0 is the drop: it is in a queue until it is done.
    for (let lost = 1; lost < house.deliveries.sent; lost++) {
      const { house: hit } = await play({ copies: ({ number }) => (number === lost ? 0 : 1) })
      await assertWell(hit)
      assert.equal(hit.ports.invariants.said.size, 1, `event ${lost}`)
    }
  })

  test('ends well where every event but the drop is lost, save what reconcile sends', async () => {
    const { house, reconciles } = await play({ copies: onlyByReconcile }, 10)
    await assertWell(house)
    assert.equal(house.ports.chat.messages.length, 1)
    assert.ok(reconciles > reconcilesMax, 'or nothing was lost')
  })

  test('ends well where every event is delivered five times', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { house } = await play({ seed, copies: () => 5 })
      await assertWell(house)
      assert.equal(house.ports.jobs.submitted().length, 2, 'one job for each of two rounds')
    }
  })

  for (const by of ['partition', 'settle']) {
    test(`needs no reconcile where ${by} dies at its last word and comes again`, async () => {
      const { house: whole } = await play()
      const last = whole.calls.findLastIndex(call => call.by === by)
      assert.equal(whole.calls[last]?.name, 'bus.publish')
      const { house, reconciles } = await play({ fault: (_, at) => (at === last ? 'before' : undefined) })
      await assertWell(house)
      assert.equal(reconciles, 0)
    })
  }

  for (const when of ['before', 'after'] as const) {
    for (const afterFault of ['again', 'lost'] as const) {
      const words = afterFault === 'again' ? 'comes again' : 'is lost for ever'
      test(`ends well where any one call fails ${when} it took effect, and its event ${words}`, async () => {
        const { house } = await play()
        const faults: unknown[] = []
        for (let at = 0; at < house.calls.length; at++) {
          await playHit(play, when, afterFault, at, 1).catch(error => faults.push(error))
        }
        assert.deepEqual(faults, [])
      })
    }
  }
})

describe('a run that is split, worked and merged', () => {
  test('ends well where any one event is lost for ever', async () => {
    const { house } = await playStages()
    for (let lost = 1; lost < house.deliveries.sent; lost++) {
      const { house: hit } = await playStages({ copies: ({ number }) => (number === lost ? 0 : 1) })
      await assertWell(hit)
    }
  })

  test('ends well where every event is delivered five times', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { house } = await playStages({ seed, copies: () => 5 })
      await assertWell(house)
      assert.equal(house.ports.jobs.submitted().length, 4, 'split, work, work again, merge')
    }
  })

  for (const [when, afterFault] of [
    ['before', 'again'],
    ['after', 'lost'],
  ] as const) {
    test(`ends well where any one call fails ${when} it took effect, and its event is ${afterFault}`, async () => {
      const { house } = await playStages()
      const faults: unknown[] = []
      for (let at = 0; at < house.calls.length; at++) {
        await playHit(playStages, when, afterFault, at, 1).catch(error => faults.push(error))
      }
      assert.deepEqual(faults, [])
    })
  }
})
