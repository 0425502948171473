/** Time that stands still until it is moved, and chance that repeats. */
import { MillraceError } from '../errors.ts'
import type { Clock } from '../ports.ts'

/** More wakes than any test means: something sleeps in a circle. */
const wakesPerAdvanceMax = 1_000_000

interface Sleeper {
  dueAt: number
  order: number
  wake: () => void
}

export interface MemoryClock extends Clock {
  /**
   * Moves time on by `ms` and wakes whoever sleeps until then, one by one, earliest first, each at its own time;
   * what one of them does next, short of real input and output, is done before the next wakes.
   */
  advance(ms: number): Promise<void>
  /** Epoch ms at which the next sleeper wakes. */
  nextDueAt(): number | undefined
}

/** `startMs`: epoch ms. The same `seed` draws the same numbers. */
export function createMemoryClock(startMs: number, seed = 1): MemoryClock {
  const sleepers: Sleeper[] = []
  let now = startMs
  let order = 0
  const next = (): Sleeper | undefined => sleepers[0]

  return {
    now: () => now,
    random: seededRandom(seed),
    nextDueAt: () => next()?.dueAt,
    async sleep(ms) {
      if (ms <= 0) return
      await new Promise<void>(wake => {
        sleepers.push({ dueAt: now + ms, order: order++, wake })
        sleepers.sort((a, b) => a.dueAt - b.dueAt || a.order - b.order)
      })
    },
    async advance(ms) {
      const target = now + ms
      await settled()
      for (let wakes = 0; (next()?.dueAt ?? Number.POSITIVE_INFINITY) <= target; wakes++) {
        if (wakes === wakesPerAdvanceMax) throw new MillraceError('INVARIANT_BROKEN', 'A sleeper never ends.')
        const sleeper = sleepers.shift()
        now = Math.max(now, sleeper?.dueAt ?? now)
        sleeper?.wake()
        await settled()
      }
      now = Math.max(now, target)
    },
  }
}

/** Resolves once every promise that can go on has gone on; what waits for real input or output is not waited for. */
export function settled(): Promise<void> {
  return new Promise(resolve => {
    // Ticks come after all microtasks, and cost a tenth of a turn of the event loop.
    process.nextTick(resolve)
  })
}

/** Mulberry32: 32 bits of state, good enough for jitter and for shuffling what happens next. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
