/** Something to be done at a time, unless it is called off. */
import type { Clock } from '../../shared/ports.ts'

/** Node's timers hold 31 bits of ms and go off at once beyond; a job's time limit has no maximum. */
const sleepMsMax = 2 ** 31 - 1

/** Does `act` when the clock reaches `dueAt` (epoch ms). Returns the way to call it off. */
export function setAlarm(clock: Clock, dueAt: number, act: () => void): () => void {
  const off = new AbortController()
  void ring(clock, dueAt, act, off.signal)
  return () => off.abort()
}

async function ring(clock: Clock, dueAt: number, act: () => void, off: AbortSignal): Promise<void> {
  while (clock.now() < dueAt && !off.aborted) {
    await clock.sleep(Math.min(dueAt - clock.now(), sleepMsMax), off)
  }
  if (!off.aborted) act()
}
