/** Ends the process of an attempt, as Batch does and as Spot does. */
import { setAlarm } from './alarm.ts'
import type { EndedBy, RunningAttempt } from './attempt.ts'
import type { Batch } from './batch.ts'
import { askToStop, killGroup } from './process.ts'

/** Between SIGTERM and SIGKILL of a job that is timed out or terminated (user guide, job timeouts). */
export const killAfterMs = 30_000

/** Of the containers on an instance that shuts down, as Docker gives it. */
const shutdownMs = 10_000

/**
 * As Spot takes an instance back: with the notice only its metadata says so, and who ends by himself before the
 * instance shuts down has ended as he says. Without notice all is gone at once.
 */
export function reclaimAttempt(batch: Batch, running: RunningAttempt, noticeMs: number): void {
  if (noticeMs <= 0) {
    stopAttempt(batch, running, 'reclaim', 0)
    return
  }
  if (running.goesAt !== undefined) return
  running.goesAt = batch.clock.now() + noticeMs
  const shutDown = (): void => stopAttempt(batch, running, 'reclaim', shutdownMs)
  running.callOff.push(setAlarm(batch.clock, running.goesAt, shutDown))
}

/** SIGTERM, and SIGKILL `graceMs` later; without grace SIGKILL at once. Who asks first has said why. */
export function stopAttempt(batch: Batch, running: RunningAttempt, endedBy: EndedBy, graceMs: number): void {
  const { pid } = running
  running.endedBy ??= endedBy
  if (pid === undefined) return
  if (graceMs <= 0) {
    killGroup(pid)
    return
  }
  askToStop(pid)
  running.callOff.push(setAlarm(batch.clock, batch.clock.now() + graceMs, () => killGroup(pid)))
}
