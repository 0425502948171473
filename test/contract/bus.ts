/** What every Bus must do: at least once, and never before it is due. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Bus, OwnEvent } from '../../shared/ports.ts'
import { EventType } from '../../shared/vocabulary.ts'

export interface BusUnderTest {
  bus: Bus
  /** Epoch ms, by the clock that the bus was given. */
  now(): number
  /** All that arrived so far. */
  received(): Promise<OwnEvent[]>
  /** All that is kept until `dueAt` (epoch ms, or the second that follows). */
  held(): Promise<{ event: OwnEvent; dueAt: number }[]>
  /** Moves time; left out where the world's own clock runs. */
  pass?: (ms: number) => Promise<void>
  dispose(): Promise<void>
}

const waitMs = 3_600_000

/** `time.moves`: `pass` is there; without it nothing is known of what happens when time is up. */
export function busContract(name: string, open: () => Promise<BusUnderTest>, time: { moves: boolean }): void {
  describe(`Bus: ${name}`, () => {
    let world: BusUnderTest
    let runs = 0
    before(async () => {
      world = await open()
    })
    after(async () => {
      await world.dispose()
    })

    const newEvent = (type: EventType, round?: number): OwnEvent => {
      runs += 1
      const detail = { runId: `${runs}`.padStart(24, 'a'), pipeline: 'flights', words: 'ünïcode & <more>' }
      return { type, detail: round === undefined ? detail : { ...detail, round } }
    }
    const arrivals = async ({ type, detail }: OwnEvent): Promise<OwnEvent[]> =>
      (await world.received()).filter(event => event.type === type && event.detail.runId === detail.runId)
    const heldOf = async ({ detail }: OwnEvent) =>
      (await world.held()).filter(({ event }) => event.detail.runId === detail.runId)

    for (const type of Object.values(EventType)) {
      it(`delivers "${type}" with its whole detail`, async () => {
        const event = newEvent(type, 2)
        await world.bus.publish(event)
        assert.deepEqual((await arrivals(event))[0], event)
      })
    }

    it('leaves out of the detail what is undefined', async () => {
      const event = newEvent(EventType.runStateChange)
      await world.bus.publish({ ...event, detail: { ...event.detail, words: undefined } })
      const [arrived] = await arrivals(event)
      assert.equal(arrived?.detail.pipeline, event.detail.pipeline)
      assert.equal(arrived?.detail.words, undefined)
    })

    it('delivers at once what is already due', async () => {
      const event = newEvent(EventType.roundDue, 2)
      await world.bus.publishAt(event, world.now() - 1)
      assert.deepEqual((await arrivals(event))[0], event)
    })

    it('holds back what is not yet due, whole, and not a second too short', async () => {
      const event = newEvent(EventType.roundDue, 3)
      const dueAt = world.now() + waitMs + 1
      await world.bus.publishAt(event, dueAt)
      assert.deepEqual(await arrivals(event), [])
      const [held] = await heldOf(event)
      assert.deepEqual(held?.event, event)
      assert.ok(held.dueAt >= dueAt && held.dueAt < dueAt + 1000, `${held.dueAt} for ${dueAt}`)
    })

    it('takes it as done to hold back the same event again', async () => {
      const event = newEvent(EventType.roundDue, 4)
      const dueAt = world.now() + waitMs
      await world.bus.publishAt(event, dueAt)
      await world.bus.publishAt(event, dueAt)
      assert.ok((await heldOf(event)).length >= 1)
    })

    it('holds back the rounds of one run apart', async () => {
      const event = newEvent(EventType.roundDue, 5)
      const next = { ...event, detail: { ...event.detail, round: 6 } }
      await world.bus.publishAt(event, world.now() + waitMs)
      await world.bus.publishAt(next, world.now() + waitMs)
      const rounds = (await heldOf(event)).map(held => held.event.detail.round)
      assert.deepEqual(rounds.toSorted(), [5, 6])
    })

    if (!time.moves) return
    it('delivers when it is due, and not before', async () => {
      const event = newEvent(EventType.roundDue, 7)
      await world.bus.publishAt(event, world.now() + waitMs)
      await world.pass?.(waitMs - 1)
      assert.deepEqual(await arrivals(event), [])
      await world.pass?.(1)
      assert.deepEqual((await arrivals(event))[0], event)
    })
  })
}
