/** Schedules of pipelines on one machine: what EventBridge Scheduler does in AWS. They outlive the process. */
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../shared/ports.ts'
import { nextTick, rateMs, type Schedule } from '../../shared/schedule.ts'
import { scheduleDue } from '../../shared/ticks.ts'
import { ownEnvelope } from './envelope.ts'
import { together } from './queue-db.ts'
import type { Router } from './router.ts'

export interface TickWiring {
  pipeline: string
  schedule: Schedule
}

interface Parts {
  router: Pick<Router, 'putEvents'>
  ticks: readonly TickWiring[]
  clock: Clock
  /** The own bus. */
  busName: string
}

/**
 * A rate begins when the stack first starts with it, a cron at its next time. Of the times that passed while the stack
 * was down one tick is made up for, at the next start; it takes what all of them would have taken.
 * @returns sends the ticks that are due; the sending and the remembering are one transaction
 */
export function createTicks(db: DatabaseSync, { router, ticks, clock, busName }: Parts): { fire(): void } {
  /** By name. Epoch ms; `undefined`: never again. */
  const nextAt = new Map<string, number | undefined>()
  const fireOne = (tick: TickWiring, now: number): void => {
    const name = nameOf(tick)
    if (!nextAt.has(name)) nextAt.set(name, dueAt(db, tick, now))
    const due = nextAt.get(name)
    if (due === undefined || due > now) return
    together(db, () => {
      remember(db, name, now)
      router.putEvents([ownEnvelope(scheduleDue(tick.pipeline, due), now)], busName)
    })
    nextAt.set(name, nextTick(tick.schedule, now))
  }
  return {
    fire: () => {
      const now = clock.now()
      for (const tick of ticks) fireOne(tick, now)
    },
  }
}

/** Another schedule begins anew. */
function nameOf({ pipeline, schedule: { expression, timezone } }: TickWiring): string {
  return JSON.stringify([pipeline, expression, timezone])
}

function dueAt(db: DatabaseSync, tick: TickWiring, now: number): number | undefined {
  const name = nameOf(tick)
  const last = db.prepare('SELECT firedAt FROM tick WHERE name = ?').get(name)
  if (last !== undefined) return nextTick(tick.schedule, Number(last.firedAt))
  if (rateMs(tick.schedule.expression) !== undefined) return now
  // From here on it counts, even if the stack goes down before the first time.
  remember(db, name, now)
  return nextTick(tick.schedule, now)
}

/** @param at epoch ms: times up to it are over */
function remember(db: DatabaseSync, name: string, at: number): void {
  db.prepare('INSERT OR REPLACE INTO tick (name, firedAt) VALUES (?, ?)').run(name, at)
}
