/**
 * AWS Batch in memory, with its manners: a parent is PENDING until all its children are terminal, children are
 * `<parent>:<index>`, ended jobs vanish one day. Nothing runs by itself: a test or the simulator plays the machines.
 */
import type { Clock, JobRequest, Jobs } from '../ports.ts'
import type { JobStatus } from '../vocabulary.ts'
import { BatchInMemory } from './batch.ts'
import type { BatchStateChange } from './job-events.ts'
import type { Child } from './submitted-job.ts'

/** How an attempt ended, in Batch's words. */
export interface AttemptOutcome {
  status: typeof JobStatus.SUCCEEDED | typeof JobStatus.FAILED
  exitCode?: number
  reason?: string
  statusReason?: string
}

export interface MemoryJobsOptions {
  clock: Clock
  /** Every change of state of every child, parent and plain job, in the order it happened. */
  onStateChange?: (event: BatchStateChange) => void
  /** How long `find` and `describe` do not see a new job; Batch is known to lag (default 0). */
  visibleAfterMs?: number | (() => number)
  /** Of the job definition's retry strategy: how many attempts a reclaimed child gets (default 5). */
  attemptsMax?: number
}

export interface MemoryJobs extends Jobs {
  /** Every job that was submitted and is not forgotten, oldest first. */
  submitted(): { jobId: string; request: JobRequest }[]
  /** Of a job or a child: it was submitted and is not forgotten. */
  knows(jobId: string): boolean
  /** Of an array; a plain job is its own only child, with index 0. */
  children(jobId: string): Readonly<Child>[]
  /** RUNNABLE -> RUNNING. `false` where the child is not RUNNABLE. */
  start(childId: string): boolean
  /**
   * The attempt ended and is not retried. `false` where the child is terminal already. One that did not start
   * yet is started first, unless the outcome is that of a task that failed to start (FAILED without exit code).
   */
  end(childId: string, outcome: AttemptOutcome): boolean
  /** Spot took the machine: back to RUNNABLE, or FAILED after the last attempt. `false` if not RUNNING. */
  reclaim(childId: string, instanceId?: string): boolean
  /** Batch keeps ended jobs for a while only. */
  forget(jobId: string): void
}

export function createMemoryJobs(options: MemoryJobsOptions): MemoryJobs {
  return new BatchInMemory(options)
}
