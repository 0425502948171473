/** Ends the processes of a server that stops. */
import { setTimeout as delay } from 'node:timers/promises'
import type { RunningAttempt } from './attempt.ts'
import type { Batch } from './batch.ts'
import { askToStop, killGroup } from './process.ts'

/** Real time, whatever clock the server was handed: a real process needs it to end. */
const graceMs = 2_000

/** Asks first, kills later. Ends once all are gone. */
export async function stopProcesses(batch: Batch): Promise<void> {
  await Promise.all([...batch.running.values()].map(endProcess))
}

async function endProcess({ pid, gone }: RunningAttempt): Promise<void> {
  if (pid === undefined) return
  askToStop(pid)
  const ended = new AbortController()
  const kill = delay(graceMs, undefined, { signal: ended.signal }).then(
    () => killGroup(pid),
    () => undefined,
  )
  await gone
  ended.abort()
  await kill
}
