/** The only file that reads the clock or draws chance. */

import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from './ports.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal ? { signal } : {}).catch((error: unknown) => {
      if (!signal?.aborted) throw error
    })
  },
  random: () => Math.random(),
}

/** A name that nothing else has. Where a name must be found again, derive it instead. */
export function newId(): string {
  return randomUUID()
}

/** `2026-01-31T23:59:59.123Z` */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** The other way; NaN where it is no time. */
export function epochMs(iso: string): number {
  return new Date(iso).getTime()
}
