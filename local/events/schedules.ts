/** EventBridge Scheduler on one machine: rates, and events that are due once. Both outlive the process. */
import type { DatabaseSync } from 'node:sqlite'
import { MillraceError } from '../../shared/errors.ts'
import type { Clock } from '../../shared/ports.ts'
import { eventQueue, type ScheduleWiring } from '../serverless/wiring.ts'
import { type Envelope, scheduledEvent } from './envelope.ts'
import { together } from './queue-db.ts'
import type { Queues } from './queues.ts'
import type { Router } from './router.ts'

const unitsMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const
/** Of events due at once, so many are sent a beat. */
const duePerBeatMax = 1000

/** `rate(5 minutes)` in ms. Errors: CONFIG_INVALID for anything else; cron() needs AWS. */
export function everyMs(expression: string, where: string): number {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression.trim()) ?? []
  if (unit === undefined || Number(count) === 0) {
    throw new MillraceError(
      'CONFIG_INVALID',
      `serverless.yml, ${where}: ${expression} is not served locally`,
      {
        remedy: 'Use rate(<n> minutes|hours|days).',
      },
    )
  }
  return Number(count) * unitsMs[unit as keyof typeof unitsMs]
}

export interface Schedules {
  /** Once, not before `dueAt`. A second one of the same name, while the first is pending, changes nothing. */
  at(name: string, dueAt: number, bus: string, envelope: Envelope): void
  pending(): number
  /** Sends what is due; the sending and the forgetting are one transaction. */
  fire(): void
}

/**
 * A rate fires first when the stack first starts, and at once where its time passed while the stack was down: what
 * a missed tick would have found is still there to find.
 */
export function createSchedules(
  db: DatabaseSync,
  { router, queues, rates, clock }: { router: Router; queues: Queues; rates: ScheduleWiring[]; clock: Clock },
): Schedules {
  return {
    at: (name, dueAt, bus, envelope) => {
      db.prepare('INSERT OR IGNORE INTO due (name, dueAt, bus, envelope) VALUES (?, ?, ?, ?)').run(
        name,
        dueAt,
        bus,
        JSON.stringify(envelope),
      )
    },
    pending: () => Number(db.prepare('SELECT count(*) AS n FROM due').get()?.n ?? 0),
    fire: () => {
      const now = clock.now()
      fireDue(db, router, now)
      for (const rate of rates) fireRate(db, queues, rate, now)
    },
  }
}

function fireDue(db: DatabaseSync, router: Router, now: number): void {
  const select = db.prepare('SELECT * FROM due WHERE dueAt <= ? ORDER BY dueAt LIMIT ?')
  if (select.get(now, 1) === undefined) return
  together(db, () => {
    for (const row of select.all(now, duePerBeatMax)) {
      router.putEvents([JSON.parse(String(row.envelope)) as Envelope], String(row.bus))
      db.prepare('DELETE FROM due WHERE name = ?').run(String(row.name))
    }
  })
}

function fireRate(db: DatabaseSync, queues: Queues, rate: ScheduleWiring, now: number): void {
  const last = db.prepare('SELECT firedAt FROM tick WHERE name = ?').get(rate.name)
  if (last !== undefined && Number(last.firedAt) + rate.everyMs > now) return
  together(db, () => {
    db.prepare('INSERT OR REPLACE INTO tick (name, firedAt) VALUES (?, ?)').run(rate.name, now)
    const body = JSON.stringify(rate.input ?? scheduledEvent(rate.name, now))
    queues.send([{ queue: eventQueue(rate.functionName), body }])
  })
}
