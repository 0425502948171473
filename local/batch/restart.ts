/** What a start finds of the server before it: to the jobs, that server was their host, and it is lost. */
import { hostLost, recordEnd } from './attempt-end.ts'
import { type Batch, change } from './batch.ts'
import { endLostNodes } from './nodes.ts'
import { identityOf, killGroup } from './process.ts'
import type { AttemptRow } from './rows.ts'
import { removeAllScratch } from './scratch.ts'
import { begunStatuses, inStatuses } from './transitions.ts'

/**
 * Ends every attempt that was under way as Batch does when an instance goes away, and kills what still runs of it:
 * a process with the recorded number only if it was started when the recorded one was.
 */
export function endLostAttempts(batch: Batch): void {
  const lost = batch.db.all<AttemptRow>(
    `SELECT attempts.* FROM jobs JOIN attempts ON attempts.jobId = jobs.jobId AND attempts.attempt = jobs.attempts + 1
     WHERE jobs.status IN (${inStatuses(begunStatuses)}) ORDER BY jobs.rank DESC`,
  )
  for (const { pid, pidIdentity } of lost) {
    if (pid !== null && pidIdentity !== null && identityOf(pid) === pidIdentity) killGroup(pid)
  }
  endLostNodes(batch)
  removeAllScratch(batch)
  change(batch, () => {
    for (const { jobId, attempt } of lost) {
      recordEnd(batch, jobId, attempt, job => hostLost(batch, job, attempt))
    }
  })
  if (lost.length > 0) batch.log.warn('Attempts of an earlier start are lost', { attempts: lost.length })
}
