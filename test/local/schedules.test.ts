import assert from 'node:assert/strict'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { createLocalBus } from '../../local/events/bus.ts'
import { openQueueDb } from '../../local/events/queue-db.ts'
import { Queues } from '../../local/events/queues.ts'
import { createRouter } from '../../local/events/router.ts'
import { createSchedules, everyMs } from '../../local/events/schedules.ts'
import { isError } from '../../shared/errors.ts'
import { createMemoryClock, type MemoryClock } from '../../shared/memory/clock.ts'
import type { OwnEvent } from '../../shared/ports.ts'
import { EventType } from '../../shared/vocabulary.ts'
import { tempDir } from './temp-dir.ts'

const minuteMs = 60_000
const wiring = {
  functions: [],
  queues: [],
  rules: [{ name: 'due', bus: 'own', pattern: { source: ['millrace'] }, targets: ['lambda:submit'] }],
  schedules: [{ name: 'sweep', functionName: 'reconcile', everyMs: 5 * minuteMs }],
  jobQueues: [],
  jobDefinitions: [],
}

function openSchedules(t: TestContext, dir: string, clock: MemoryClock) {
  const db = openQueueDb(path.join(dir, 'queues.db'))
  t.after(() => db.isOpen && db.close())
  const queues = new Queues(db, clock)
  const router = createRouter(wiring, queues)
  const schedules = createSchedules(db, { router, queues, rates: wiring.schedules, clock })
  const bus = createLocalBus({ router, schedules, clock, busName: 'own' })
  const taken = (queue: string): unknown[] => {
    const messages = queues.receive(queue, 10, 1000)
    queues.remove(messages.map(message => message.receipt))
    return messages.map(message => JSON.parse(message.body))
  }
  return { db, router, schedules, bus, taken }
}

const due = (round: number): OwnEvent => ({
  type: EventType.roundDue,
  detail: { runId: 'r', pipeline: 'p', round },
})

test('an event published at a time is sent then, once, and not before', async t => {
  const clock = createMemoryClock(0)
  const { bus, schedules, taken } = openSchedules(t, tempDir(t), clock)
  await bus.publishAt(due(2), 30_000)
  await clock.advance(29_999)
  schedules.fire()
  assert.deepEqual(taken('lambda:submit'), [])
  await clock.advance(1)
  schedules.fire()
  schedules.fire()
  const [event, ...more] = taken('lambda:submit') as { detail: object; 'detail-type': string }[]
  assert.deepEqual(event?.detail, { runId: 'r', pipeline: 'p', round: 2 })
  assert.equal(event['detail-type'], 'Round Due')
  assert.deepEqual(more, [])
  assert.equal(schedules.pending(), 0)
})

test('asked for twice it is sent once, and other rounds are other events', async t => {
  const clock = createMemoryClock(0)
  const { bus, schedules, taken } = openSchedules(t, tempDir(t), clock)
  await Promise.all([bus.publishAt(due(2), 1000), bus.publishAt(due(2), 1500), bus.publishAt(due(3), 1000)])
  await clock.advance(5000)
  schedules.fire()
  assert.equal(taken('lambda:submit').length, 2)
})

test('a pending event outlives the process', async t => {
  const clock = createMemoryClock(0)
  const dir = tempDir(t)
  const before = openSchedules(t, dir, clock)
  await before.bus.publishAt(due(2), 1000)
  before.db.close()
  await clock.advance(60 * minuteMs)
  const { schedules, taken } = openSchedules(t, dir, clock)
  schedules.fire()
  assert.equal(taken('lambda:submit').length, 1)
})

test('an event that cannot be sent stays pending', async t => {
  const clock = createMemoryClock(0)
  const { db, bus, taken, schedules } = openSchedules(t, tempDir(t), clock)
  await bus.publishAt(due(2), 0)
  const broken = createSchedules(db, {
    router: {
      putEvents: () => {
        throw new Error('disk full')
      },
    },
    queues: new Queues(db, clock),
    rates: [],
    clock,
  })
  assert.throws(() => broken.fire(), /disk full/)
  schedules.fire()
  assert.equal(taken('lambda:submit').length, 1)
})

test('a rate fires at the first start and then at each interval, and not in between', async t => {
  const clock = createMemoryClock(0)
  const { schedules, taken } = openSchedules(t, tempDir(t), clock)
  const firedAt: number[] = []
  for (let minute = 0; minute <= 11; minute += 1) {
    schedules.fire()
    const [event] = taken('lambda:reconcile') as { source: string }[]
    if (event?.source === 'aws.scheduler') firedAt.push(minute)
    await clock.advance(minuteMs)
  }
  assert.deepEqual(firedAt, [0, 5, 10])
})

test('a tick missed while the stack was down is made up for once at the next start; a recent one is not', async t => {
  const clock = createMemoryClock(0)
  const dir = tempDir(t)
  const first = openSchedules(t, dir, clock)
  first.schedules.fire()
  first.taken('lambda:reconcile')
  first.db.close()
  await clock.advance(2 * minuteMs)
  const soon = openSchedules(t, dir, clock)
  soon.schedules.fire()
  assert.equal(soon.taken('lambda:reconcile').length, 0)
  soon.db.close()
  await clock.advance(60 * minuteMs)
  const later = openSchedules(t, dir, clock)
  later.schedules.fire()
  later.schedules.fire()
  assert.equal(later.taken('lambda:reconcile').length, 1)
})

test('rates are read; expressions that would be ignored are refused with their place', () => {
  assert.equal(everyMs('rate(1 minute)', 'here'), minuteMs)
  assert.equal(everyMs('rate(2 hours)', 'here'), 120 * minuteMs)
  assert.equal(everyMs('rate(1 day)', 'here'), 1440 * minuteMs)
  for (const expression of [
    'cron(0 12 * * ? *)',
    'rate(0 minutes)',
    'rate(5 seconds)',
    'at(2026-01-01T00:00:00)',
  ]) {
    assert.throws(
      () => everyMs(expression, 'functions.x.events[0]'),
      error => isError(error, 'CONFIG_INVALID') && error.message.includes('functions.x.events[0]'),
    )
  }
})
