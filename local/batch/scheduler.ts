/** Puts runnable jobs onto the machine: by priority of the queue, within it first in first out. Woken, never polls. */
import { JobStatus } from '../../shared/vocabulary.ts'
import { startAttempt } from './attempt.ts'
import { type Batch, change } from './batch.ts'
import { afterEnd } from './dependencies.ts'
import { queuesByPriority } from './queues.ts'
import { type JobRow, submissionOf } from './rows.ts'
import { move, tell } from './transitions.ts'

/** After so many the event loop gets its turn. */
const startsPerTurnMax = 20
/** Of ECS, in characters of JSON. Batch itself takes the job. */
const overridesLengthMax = 8_192
export const misconfigured = 'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT'

/** Returns the waker. */
export function createScheduler(batch: () => Batch): () => void {
  let woken = false
  const wake = (): void => {
    if (woken) return
    woken = true
    setImmediate(() => {
      woken = false
      if (!batch().stopping.aborted && !triedToStart(batch())) wake()
    })
  }
  return wake
}

/** A fault of the disk must not end the process that the rest of the stack lives in; the next wake tries again. */
function triedToStart(batch: Batch): boolean {
  try {
    return startJobs(batch)
  } catch (error) {
    batch.log.error('Jobs cannot be started', { error })
    return true
  }
}

/** Returns whether all is done that can be. */
function startJobs(batch: Batch): boolean {
  for (let starts = 0; starts < startsPerTurnMax; starts++) {
    const job = nextJob(batch)
    if (!job) return true
    dispatch(batch, job)
  }
  return false
}

/** The first in line, if there is room for it. What waits for room keeps it from everything behind. */
function nextJob(batch: Batch): JobRow | undefined {
  for (const { name } of queuesByPriority(batch)) {
    const head = headOf(batch, name)
    if (!head || isBlocked(batch, head)) continue
    return hasRoom(batch, head) ? head : undefined
  }
  return undefined
}

function headOf(batch: Batch, queue: string): JobRow | undefined {
  const sql = `SELECT * FROM jobs WHERE queue = ? AND status = '${JobStatus.RUNNABLE}' ORDER BY rank LIMIT 1`
  return batch.db.get<JobRow>(sql, queue)
}

/** A job larger than the machine stands at the head of its queue for ever, and says so once. */
function isBlocked(batch: Batch, job: JobRow): boolean {
  const { memoryMiB } = submissionOf(batch, job).spec
  if (batch.machine.memoryMiB === undefined || memoryMiB <= batch.machine.memoryMiB) return false
  if (job.statusReason !== misconfigured) {
    change(batch, () => {
      batch.db.run('UPDATE jobs SET statusReason = ? WHERE seq = ?', misconfigured, job.seq)
      tell(batch, 'blocked', { ...job, statusReason: misconfigured })
    })
    batch.log.warn('A job asks for more memory than the machine has', { jobId: job.jobId, memoryMiB })
  }
  return true
}

function hasRoom(batch: Batch, job: JobRow): boolean {
  const attempts = [...batch.running.values()]
  const vcpus = attempts.reduce((sum, each) => sum + each.vcpus, vcpusOf(batch, job))
  const memoryMiB = attempts.reduce(
    (sum, each) => sum + each.memoryMiB,
    submissionOf(batch, job).spec.memoryMiB,
  )
  return vcpus <= batch.machine.cores && memoryMiB <= (batch.machine.memoryMiB ?? Number.POSITIVE_INFINITY)
}

/** A job for a larger machine gets all cores of this one: fewer make it slower, not wrong. */
function vcpusOf(batch: Batch, job: JobRow): number {
  return Math.min(Math.ceil(submissionOf(batch, job).spec.vcpus), batch.machine.cores)
}

function dispatch(batch: Batch, job: JobRow): void {
  if (submissionOf(batch, job).spec.overridesLength <= overridesLengthMax) {
    startAttempt(batch, job, vcpusOf(batch, job))
    return
  }
  const statusReason = `Container Overrides length must be at most ${overridesLengthMax}`
  change(batch, () => {
    const stoppedAt = batch.clock.now()
    afterEnd(batch, [move(batch, job, { status: JobStatus.FAILED, statusReason, stoppedAt })])
  })
}
