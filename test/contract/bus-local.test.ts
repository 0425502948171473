import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createLocalBus } from '../../local/events/bus.ts'
import type { Envelope } from '../../local/events/envelope.ts'
import { openQueueDb } from '../../local/events/queue-db.ts'
import { Queues } from '../../local/events/queues.ts'
import { createSchedules } from '../../local/events/schedules.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import type { OwnEvent } from '../../shared/ports.ts'
import type { EventType } from '../../shared/vocabulary.ts'
import { type BusUnderTest, busContract } from './bus.ts'

busContract('on one machine', openLocal, { moves: true })

/** Everything of the local stack but the rules: what the router is handed is what arrives. */
async function openLocal(): Promise<BusUnderTest> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-bus-'))
  const clock = createMemoryClock(1_750_000_000_000)
  const db = openQueueDb(path.join(folder, 'queues.db'))
  const arrived: OwnEvent[] = []
  const router = {
    putEvents: (envelopes: readonly Envelope[]) => arrived.push(...envelopes.map(eventOf)),
  }
  const schedules = createSchedules(db, { router, queues: new Queues(db, clock), rates: [], clock })
  return {
    bus: createLocalBus({ router, schedules, clock, busName: 'millrace' }),
    now: clock.now,
    // As the stack's heartbeat does five times a second.
    received: async () => {
      schedules.fire()
      return [...arrived]
    },
    held: async () =>
      db
        .prepare('SELECT dueAt, envelope FROM due')
        .all()
        .map(row => ({ dueAt: Number(row.dueAt), event: eventOf(JSON.parse(String(row.envelope))) })),
    pass: clock.advance,
    dispose: async () => {
      db.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function eventOf(envelope: Envelope): OwnEvent {
  return { type: envelope['detail-type'] as EventType, detail: envelope.detail as OwnEvent['detail'] }
}
