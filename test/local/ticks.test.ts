/** Pipelines on a schedule, on one machine: each time is one tick, also over a restart. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { openQueueDb } from '../../local/events/queue-db.ts'
import { Queues } from '../../local/events/queues.ts'
import { createRouter } from '../../local/events/router.ts'
import { createTicks, type TickWiring } from '../../local/events/ticks.ts'
import { epochMs } from '../../shared/clock.ts'
import { createMemoryClock, type MemoryClock } from '../../shared/memory/clock.ts'
import { tempDir } from './temp-dir.ts'

const hourMs = 60 * 60 * 1000
const start = epochMs('2026-11-20T12:00:00Z')
const wiring = {
  functions: [],
  queues: [],
  rules: [
    { name: 'due', bus: 'own', pattern: { 'detail-type': ['Schedule Due'] }, targets: ['lambda:partition'] },
  ],
  schedules: [],
  jobQueues: [],
  jobDefinitions: [],
}
const nightly: TickWiring = {
  pipeline: 'p',
  schedule: { expression: 'cron(0 2 * * ? *)', timezone: 'Europe/Berlin' },
}
const often: TickWiring = { pipeline: 'p', schedule: { expression: 'rate(6 hours)', timezone: 'UTC' } }

/** As a stack that is started on the folder, until `stop`. */
function opened(dir: string, clock: MemoryClock, tick: TickWiring) {
  const db = openQueueDb(path.join(dir, 'queues.db'))
  const queues = new Queues(db, clock)
  const router = createRouter(wiring, queues)
  const ticks = createTicks(db, { router, ticks: [tick], clock, busName: 'own' })
  const taken = (): string[] => {
    const messages = queues.receive('lambda:partition', 10, 1000)
    queues.remove(messages.map(message => message.receipt))
    return messages.map(
      ({ body }) => (JSON.parse(body) as { detail: { scheduledAt: string } }).detail.scheduledAt,
    )
  }
  return { ticks, taken, db, stop: () => db.close() }
}

function stack(t: TestContext, tick: TickWiring, dir = tempDir(t), clock = createMemoryClock(start)) {
  const open = opened(dir, clock, tick)
  t.after(() => open.db.isOpen && open.db.close())
  return { ...open, dir, clock }
}

describe('a pipeline on a schedule', () => {
  test('gets a tick at each time of its cron, at none between, and not at the start', async t => {
    const { ticks, taken, clock } = stack(t, nightly)
    for (let hour = 0; hour < 48; hour++) {
      ticks.fire()
      ticks.fire()
      await clock.advance(hourMs)
    }
    assert.deepEqual(taken(), ['2026-11-21T01:00:00.000Z', '2026-11-22T01:00:00.000Z'])
  })

  test('gets one of its rate at once, and then at each interval', async t => {
    const { ticks, taken, clock } = stack(t, often)
    for (let hour = 0; hour < 13; hour++) {
      ticks.fire()
      await clock.advance(hourMs)
    }
    const hours = taken().map(time => time.slice(0, 16))
    assert.deepEqual(hours, ['2026-11-20T12:00', '2026-11-20T18:00', '2026-11-21T00:00'])
  })

  test('gets one tick, and no more, for all times at which the stack was down', async t => {
    const first = stack(t, nightly)
    first.ticks.fire()
    first.stop()
    await first.clock.advance(72 * hourMs)
    const later = stack(t, nightly, first.dir, first.clock)
    later.ticks.fire()
    later.ticks.fire()
    assert.deepEqual(later.taken(), ['2026-11-21T01:00:00.000Z'])
    await later.clock.advance(24 * hourMs)
    later.ticks.fire()
    assert.deepEqual(later.taken(), ['2026-11-24T01:00:00.000Z'])
  })

  test('cannot get a tick twice where the stack is started anew right behind it', async t => {
    const first = stack(t, nightly)
    first.ticks.fire()
    await first.clock.advance(13 * hourMs)
    first.ticks.fire()
    first.stop()
    const again = stack(t, nightly, first.dir, first.clock)
    again.ticks.fire()
    assert.deepEqual(again.taken(), ['2026-11-21T01:00:00.000Z'])
    again.ticks.fire()
    assert.deepEqual(again.taken(), [])
  })

  test('cannot lose a tick that could not be sent', async t => {
    const { ticks, taken, clock, db } = stack(t, nightly)
    ticks.fire()
    await clock.advance(13 * hourMs)
    const router = {
      putEvents: () => {
        throw new Error('disk full')
      },
    }
    assert.throws(
      () => createTicks(db, { router, ticks: [nightly], clock, busName: 'own' }).fire(),
      /disk full/,
    )
    ticks.fire()
    assert.deepEqual(taken(), ['2026-11-21T01:00:00.000Z'])
  })

  test('begins anew where its schedule is another', async t => {
    const first = stack(t, nightly)
    first.ticks.fire()
    first.stop()
    await first.clock.advance(72 * hourMs)
    const evening = { ...nightly, schedule: { ...nightly.schedule, expression: 'cron(0 22 * * ? *)' } }
    const later = stack(t, evening, first.dir, first.clock)
    later.ticks.fire()
    assert.deepEqual(later.taken(), [])
  })
})
