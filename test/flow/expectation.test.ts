/** Files that a pipeline expects, and that did not come, or came late. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MillraceError } from '../../shared/errors.ts'
import { type ExpectationRecord, expectationKeys } from '../../shared/expectation.ts'
import type { PipelineInput } from '../../shared/pipeline.ts'
import { fromItem } from '../../shared/records.ts'
import { EventType } from '../../shared/vocabulary.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import type { PortCall } from '../../sim/port-calls.ts'
import { linesOf, linesPipeline } from './settings.ts'

const hourMs = 60 * 60 * 1000
const minuteMs = 60 * 1000
const dayMs = 24 * hourMs
/** The house begins at noon of that Saturday. */
const saturday = Date.UTC(2026, 0, 31)
const sunday = saturday + dayMs
const six = 6 * hourMs

type Expect = NonNullable<PipelineInput['expect']>

function houseOf(expect: Partial<Expect> = {}, options: Partial<HouseOptions> = {}, given = {}): MemoryHouse {
  const pipeline = linesPipeline({ expect: { by: '06:00', ...expect }, notify: { slack: '#data' }, ...given })
  return new MemoryHouse({ pipelines: [pipeline], ...options })
}

/** The house, after a first look at its rule. */
async function watched(...given: Parameters<typeof houseOf>): Promise<MemoryHouse> {
  const house = houseOf(...given)
  await house.reconcile()
  return house
}

/** One reconcile, within five minutes after that time. */
async function reconcileAt(house: MemoryHouse, timeMs: number): Promise<void> {
  await house.moveTo(timeMs)
  await house.reconcile()
}

function said(house: MemoryHouse): { text: string; threadTs?: string | undefined }[] {
  return house.ports.chat.messages.map(({ text, threadTs }) => ({ text, threadTs }))
}

async function dayOf(house: MemoryHouse, date: string): Promise<ExpectationRecord | undefined> {
  const item = await house.ports.records.get(expectationKeys.day('text', date))
  return item && fromItem<ExpectationRecord>(item)
}

async function drop(house: MemoryHouse, name: string, timeMs: number): Promise<void> {
  await house.moveTo(timeMs)
  await house.drop(`text/${name}`, linesOf(1, name))
  await house.untilEnded()
}

describe('a file that is expected', () => {
  test('and did not come is told once, with an event for other rules', async () => {
    const house = await watched()
    await reconcileAt(house, sunday + six - 10 * minuteMs)
    assert.deepEqual(said(house), [])
    await reconcileAt(house, sunday + six)
    for (let more = 0; more < 5; more++) await house.reconcile()
    assert.deepEqual(said(house), [
      { text: 'text: files did not come: 1 file by 2026-02-01 06:00 UTC, 0 came', threadTs: undefined },
    ])
    const events = house.ports.bus.events.filter(({ type }) => type === EventType.expectationMissed)
    assert.deepEqual(
      events.map(({ detail }) => [detail.pipeline, detail.date, detail.came, detail.files]),
      [['text', '2026-02-01', 0, 1]],
    )
    assert.deepEqual(house.failures, [])
  })

  test('and came in time is told nobody, with one query a deadline and none before', async () => {
    const house = await watched()
    const queries = (): number =>
      house.calls.filter(
        ({ name, subject }) => name === 'records.query' && JSON.stringify(subject).includes('text'),
      ).length
    await drop(house, 'a.txt', sunday + six - minuteMs)
    const before = queries()
    await reconcileAt(house, sunday + six - 6 * minuteMs)
    for (let more = 0; more < 5; more++) await house.reconcile()
    assert.equal(queries() - before, 1)
    assert.deepEqual(said(house), [])
    assert.equal((await dayOf(house, '2026-02-01'))?.state, 'met')
  })

  test('and came late is told once more, in the same thread, and does not count for the next day', async () => {
    const house = await watched()
    await reconcileAt(house, sunday + six)
    await drop(house, 'late.txt', sunday + 7 * hourMs + 30 * minuteMs)
    for (let more = 0; more < 3; more++) await house.reconcile()
    const [first, second, ...more] = house.ports.chat.messages
    assert.deepEqual(more, [])
    assert.equal(second?.threadTs, first?.ts)
    assert.match(second?.text ?? '', /files came late/)
    assert.match(JSON.stringify(second?.blocks), /1 h 30 min after the deadline/)
    await reconcileAt(house, sunday + dayMs + six)
    assert.equal(said(house).length, 3)
    assert.match(said(house)[2]?.text ?? '', /1 file by 2026-02-02 06:00 UTC, 0 came/)
  })

  test('counts together with others, only by its name, and once however many come', async () => {
    const house = await watched({ files: 2, matching: 'text/sales-*.txt' })
    await drop(house, 'sales-1.txt', saturday + 20 * hourMs)
    await drop(house, 'other.txt', saturday + 21 * hourMs)
    await reconcileAt(house, sunday + six)
    assert.match(said(house)[0]?.text ?? '', /2 files by .*, 1 came/)
    await drop(house, 'sales-2.txt', sunday + 8 * hourMs)
    await house.reconcile()
    assert.match(said(house)[1]?.text ?? '', /came late/)
  })

  test('is found among many, on the first page alone', async () => {
    const house = await watched({ files: 3 })
    await house.moveTo(saturday + 20 * hourMs)
    for (let at = 0; at < 150; at++) await house.drop(`text/${at}.txt`, linesOf(1))
    await house.untilEnded()
    const before = house.calls.length
    await reconcileAt(house, sunday + six)
    const pages = house.calls
      .slice(before)
      .filter(({ name, subject }) => name === 'records.query' && JSON.stringify(subject).includes('"text"'))
    assert.equal(pages.length, 1)
    assert.equal((await dayOf(house, '2026-02-01'))?.state, 'met')
  })

  test('counts in a group too, by its own name', async () => {
    const source = { prefix: 'text/', format: 'lines' as const, group: { seconds: 60 } }
    for (const [matching, messages] of [
      ['text/?.txt', 0],
      ['text/a*', 1],
    ] as const) {
      const house = await watched({ files: 3, matching }, {}, { source })
      await house.moveTo(saturday + 20 * hourMs)
      for (const name of ['a', 'b', 'c']) await house.drop(`text/${name}.txt`, linesOf(1, name))
      await house.untilEnded()
      await reconcileAt(house, sunday + six)
      assert.equal(said(house).length, messages, matching)
    }
  })

  test('is not asked for on other days, nor before the rule was there', async () => {
    const house = await watched({ days: ['mon'] })
    await reconcileAt(house, sunday + 12 * hourMs)
    assert.deepEqual(said(house), [])
    await reconcileAt(house, sunday + dayMs + six)
    assert.equal(said(house).length, 1)
    const fresh = houseOf({ by: '11:00' })
    for (let more = 0; more < 3; more++) await fresh.reconcile()
    assert.deepEqual(said(fresh), [])
  })

  test('and was missed for days while nothing ran is told as one', async () => {
    const house = await watched()
    await reconcileAt(house, sunday + 5 * dayMs + 9 * hourMs)
    await house.reconcile()
    assert.deepEqual(
      said(house).map(({ text }) => text),
      ['text: files did not come: 1 file by 2026-02-06 06:00 UTC, 0 came'],
    )
  })

  test('is told of however often events come, and even where they are lost', async () => {
    const twice = await watched({}, { copies: ({ step }) => (step === 'notify' ? 3 : 1) })
    await reconcileAt(twice, sunday + six)
    assert.equal(said(twice).length, 1)
    const [event] = twice.ports.bus.events.filter(({ type }) => type === EventType.expectationMissed)
    assert.ok(event)
    await twice.ports.bus.publish(event)
    await twice.untilQuiet()
    assert.equal(said(twice).length, 1)
    let lost = true
    const house = await watched({}, { copies: ({ step }) => (step === 'notify' && lost ? 0 : 1) })
    await reconcileAt(house, sunday + six)
    assert.equal(said(house).length, 0)
    lost = false
    await house.reconcile()
    assert.equal(said(house).length, 1)
  })

  test('is told of when Slack answers again', async () => {
    const house = await watched()
    house.ports.chat.failWith(new MillraceError('CHAT_REFUSED', 'no such channel'), Number.POSITIVE_INFINITY)
    await reconcileAt(house, sunday + six)
    await house.reconcile()
    assert.deepEqual(said(house), [])
    house.ports.chat.failWith(new MillraceError('CHAT_REFUSED', 'no such channel'), 0)
    await house.reconcile()
    await house.reconcile()
    assert.equal(said(house).length, 1)
  })

  test('cannot be told without a channel, and then is not asked about for ever', async () => {
    const house = await watched({}, {}, { notify: {} })
    await reconcileAt(house, sunday + six)
    const events = (): number => house.ports.bus.events.length
    const before = events()
    for (let more = 0; more < 3; more++) await house.reconcile()
    assert.equal(events(), before)
    assert.equal((await dayOf(house, '2026-02-01'))?.told, 'missed')
    assert.deepEqual(said(house), [])
  })
})

describe('a crash of whoever looks or tells', () => {
  /** Missed on Sunday, late an hour after; hit at one call. */
  async function play(fault?: NonNullable<HouseOptions['fault']>): Promise<MemoryHouse> {
    let calls: NonNullable<HouseOptions['fault']> | undefined
    const options = { fault: (...given: Parameters<NonNullable<HouseOptions['fault']>>) => calls?.(...given) }
    const house = await watched({}, options)
    calls = fault
    await reconcileAt(house, sunday + six)
    for (let more = 0; more < 3; more++) await house.reconcile()
    await drop(house, 'late.txt', sunday + 7 * hourMs)
    for (let more = 0; more < 4; more++) await house.reconcile()
    return house
  }

  test('at any call tells of both all the same, and of neither more than twice', async () => {
    const seen = new Set<string>()
    const isOurs = ({ by, subject }: PortCall): boolean =>
      ['reconcile', 'notify'].includes(by) &&
      /EXPECT#|files (did not come|came late)|Expectation/.test(JSON.stringify(subject))
    for (const when of ['before', 'after'] as const) {
      for (let wanted = 0, hit = true; hit; wanted++) {
        hit = false
        let ours = 0
        const house = await play(call => {
          if (!isOurs(call) || ours++ !== wanted) return undefined
          hit = true
          seen.add(`${call.by} ${call.name}`)
          return when
        })
        const count = (words: RegExp): number => said(house).filter(({ text }) => words.test(text)).length
        const counts = [count(/did not come/), count(/came late/)]
        assert.ok(
          counts.every(times => times >= 1 && times <= 2),
          `${when} call ${wanted}: ${counts}`,
        )
        const [day] = [await dayOf(house, '2026-02-01')]
        assert.deepEqual([day?.state, day?.told], ['late', 'late'], `${when} call ${wanted}`)
      }
    }
    assert.deepEqual([...seen].toSorted(), [
      'notify chat.post',
      'notify records.get',
      'notify records.update',
      'reconcile bus.publish',
      'reconcile records.get',
      'reconcile records.put',
      'reconcile records.update',
    ])
  })
})
