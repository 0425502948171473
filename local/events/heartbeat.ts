/** The stack's one timer: it stands for all that comes from outside or with time. */
import type { Clock, Log } from '../../shared/ports.ts'

export interface Heartbeat {
  /** Calls `listener` at every beat; the returned function ends that. */
  onBeat(listener: () => void): () => void
  stop(): void
}

/** Beats every `everyMs` until stopped; a listener that throws is logged and called again at the next beat. */
export function startHeartbeat(clock: Clock, everyMs: number, log: Log): Heartbeat {
  const listeners = new Set<() => void>()
  const ended = new AbortController()
  const beat = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await clock.sleep(everyMs)
      if (!ended.signal.aborted) for (const listener of listeners) guarded(listener, log)
    }
  }
  void beat()
  return {
    onBeat: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop: () => ended.abort(),
  }
}

function guarded(listener: () => void, log: Log): void {
  try {
    listener()
  } catch (error) {
    log.error('a beat of the local stack failed', { error })
  }
}
