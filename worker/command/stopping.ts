/** When a command is told to save and stop, of those who wish that the worker leaves off. */
import { isError, MillraceError } from '../../shared/errors.ts'
import type { Attempt } from '../attempt.ts'

/**
 * It is given all that was read, and some time to end of itself. After SIGTERM a container has 30 s, after a Spot
 * notice 120 s: out of that it also saves what it has, and that is uploaded.
 */
const endMsMax = { sigterm: 8000, notice: 70_000 }

export interface Stopping {
  signal: AbortSignal
  /** Nobody waits any more. */
  release(): void
}

/** Being asked to leave some for others is no reason to stop in the middle of what was read. */
export function stoppingOf({ signal, leave }: Pick<Attempt, 'signal' | 'leave'>, waits = endMsMax): Stopping {
  const stop = new AbortController()
  const released = new AbortController()
  const timers: NodeJS.Timeout[] = []
  const stopAfter = (ms: number): void => {
    if (!released.signal.aborted) timers.push(setTimeout(() => stop.abort(), ms).unref())
  }
  onAbort(signal, released.signal, () => stop.abort())
  onAbort(leave?.ending, released.signal, () => stopAfter(waits.sigterm))
  leave?.asked.then(why => (why === 'notice' ? stopAfter(waits.notice) : undefined))
  return {
    signal: stop.signal,
    release: () => {
      released.abort()
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

/** Of a Spot notice Batch knows nothing yet; of SIGTERM it says itself what it was for. */
export function whyStopped({ signal, leave }: Pick<Attempt, 'signal' | 'leave'>, error: unknown): unknown {
  const terminated = signal?.aborted || leave?.ending.aborted
  if (!isError(error, 'STOPPED') || terminated || leave?.why !== 'notice') return error
  return new MillraceError('RECLAIMED', 'The machine is taken back before the command is done', {
    cause: error,
  })
}

function onAbort(signal: AbortSignal | undefined, until: AbortSignal, act: () => void): void {
  if (signal?.aborted) act()
  else signal?.addEventListener('abort', act, { once: true, signal: until })
}
