/** AWS Batch, as the house needs it. */
import type { JobStatus } from './vocabulary.ts'

export interface JobRequest {
  /** Deterministic: at most 128 of [A-Za-z0-9_-]. */
  name: string
  /** 1 submits a plain job, 2 to 10,000 an array. */
  size: number
  queue: string
  definition: string
  /** The same for every child. No secrets: Batch shows these in DescribeJobs and in events. */
  environment: Record<string, string>
  vcpus: number
  memoryMiB: number
  timeoutSeconds: number
  /** Where the queue has fair share: whose part of it this is, and who goes first in that part (the higher). */
  share?: { identifier: string; priority: number }
  /** Children begin one after the other, each once the one before has succeeded. */
  sequential?: boolean
  /** Begins once that job has succeeded. */
  after?: string
  /** A multi-node parallel job of so many instances; its size is 1. */
  nodes?: number
}

export interface Job {
  jobId: string
  name: string
  status: JobStatus
  statusReason?: string
  /** Of an array's parent: how many children are in each status. */
  statusSummary?: Partial<Record<JobStatus, number>>
  /** The container's own words and exit code, where there are any. */
  reason?: string
  exitCode?: number
  logStream?: string
}

export interface FailedChild {
  /** 0 for a plain job. */
  index: number
  jobId: string
  statusReason?: string
  reason?: string
  exitCode?: number
}

export interface Jobs {
  /** Not idempotent, as SubmitJob is not: look with `find` first where in doubt. Never retried inside. */
  submit(request: JobRequest): Promise<{ jobId: string }>
  /** Parents and plain jobs of exactly that name in every status, newest first. */
  find(name: string, queue: string): Promise<Job[]>
  /** At most 100 ids. Jobs that Batch has forgotten are left out. */
  describe(jobIds: string[]): Promise<Job[]>
  /** The FAILED children of an array, or the plain job itself if it failed. 1,000 a page. */
  failures(jobId: string, after?: string): Promise<{ failed: FailedChild[]; next?: string }>
  /** Ends a job and all its children. Ending what has ended is no error. */
  terminate(jobId: string, reason: string): Promise<void>
}
