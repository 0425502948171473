/** Forgets jobs that ended long ago, as Batch does. */
import { rmSync } from 'node:fs'
import path from 'node:path'
import type { Batch } from './batch.ts'
import { logStreamName } from './names.ts'
import { inStatuses, terminalStatuses } from './transitions.ts'

/** User guide, job states: terminal jobs are kept for at least 7 days. */
export const keptMs = 7 * 24 * 60 * 60 * 1000

/** Parents with their children, and plain jobs; their logs too. */
export function forgetOldJobs(batch: Batch): void {
  const old = batch.db.all<{ jobId: string }>(
    `SELECT jobId FROM jobs WHERE parent IS NULL AND status IN (${inStatuses(terminalStatuses)}) AND stoppedAt < ?`,
    batch.clock.now() - keptMs,
  )
  for (const { jobId } of old) forget(batch, jobId)
}

function forget(batch: Batch, submission: string): void {
  const jobs = batch.db.all<{ jobId: string; attempts: number }>(
    'SELECT jobId, attempts FROM jobs WHERE submission = ?',
    submission,
  )
  batch.db.transaction(() => {
    for (const { jobId } of jobs) batch.db.run('DELETE FROM attempts WHERE jobId = ?', jobId)
    batch.db.run('DELETE FROM jobs WHERE submission = ?', submission)
    batch.db.run('DELETE FROM submissions WHERE jobId = ?', submission)
    batch.db.run('DELETE FROM dependencies WHERE dependent = ?', submission)
  })
  for (const { jobId, attempts } of jobs) {
    if (attempts === 0) continue
    const folder = path.dirname(path.join(batch.machine.logsDir, logStreamName(jobId, attempts)))
    rmSync(folder, { recursive: true, force: true })
  }
}
