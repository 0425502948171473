/** What SubmitJob made, and how the Jobs port words it. Pure; for the in-memory Batch. */
import { MillraceError } from '../errors.ts'
import type { FailedChild, Job, JobRequest } from '../ports.ts'
import { childrenPerArrayMax } from '../records.ts'
import { JobStatus } from '../vocabulary.ts'

const jobNamePattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/
const timeoutSecondsMin = 60

/** One attempt that has ended, as DescribeJobs lists it. */
export interface EndedAttempt {
  startedAt?: number | undefined
  stoppedAt: number
  statusReason?: string | undefined
  reason?: string | undefined
  exitCode?: number | undefined
  logStream: string
}

/** A child of an array, or a plain job (then `index` is 0). */
export interface Child {
  jobId: string
  index: number
  status: JobStatus
  /** AWS_BATCH_JOB_ATTEMPT of the attempt that runs or comes next; the first is 1. */
  attempt: number
  statusReason?: string | undefined
  startedAt?: number | undefined
  stoppedAt?: number | undefined
  attempts: EndedAttempt[]
}

/** What `SubmitJob` made: a parent with its children, or a plain job with itself as the only one. */
export interface SubmittedJob {
  jobId: string
  request: JobRequest
  createdAt: number
  children: Child[]
  /** How many children are in each status; kept by the job, never counted anew. */
  summary: Record<JobStatus, number>
  status: JobStatus
  statusReason?: string | undefined
}

export const hasEnded = (status: JobStatus): boolean =>
  status === JobStatus.SUCCEEDED || status === JobStatus.FAILED

export const logStream = (job: SubmittedJob, child: Child): string =>
  `${job.request.definition}/default/${child.jobId.replace(':', '-')}-${child.attempt}`

/** Every child RUNNABLE at once: what delays it in AWS is not ours to imitate. Errors: REQUEST_REFUSED. */
export function submittedJob(jobId: string, request: JobRequest, createdAt: number): SubmittedJob {
  refuseWhatBatchRefuses(request)
  const isArray = request.size > 1
  const summary = Object.fromEntries(Object.values(JobStatus).map(status => [status, 0]))
  return {
    jobId,
    request: structuredClone(request),
    createdAt,
    children: Array.from({ length: request.size }, (_, index) => ({
      jobId: isArray ? `${jobId}:${index}` : jobId,
      index,
      status: JobStatus.RUNNABLE,
      attempt: 1,
      attempts: [],
    })),
    summary: { ...(summary as Record<JobStatus, number>), RUNNABLE: request.size },
    status: isArray ? JobStatus.PENDING : JobStatus.RUNNABLE,
  }
}

function refuseWhatBatchRefuses({ name, size, timeoutSeconds, environment }: JobRequest): void {
  const reserved = Object.keys(environment).filter(variable => variable.startsWith('AWS_BATCH'))
  const faults = [
    jobNamePattern.test(name) ? undefined : `jobName ${name} is not 1 to 128 of [A-Za-z0-9_-]`,
    Number.isInteger(size) && size >= 1 && size <= childrenPerArrayMax
      ? undefined
      : `an array of ${size} is not 2 to ${childrenPerArrayMax} children`,
    timeoutSeconds >= timeoutSecondsMin ? undefined : `a timeout is at least ${timeoutSecondsMin} seconds`,
    reserved.length === 0 ? undefined : `reserved names in the environment: ${reserved.join(', ')}`,
  ].filter(fault => fault !== undefined)
  if (faults.length > 0) throw new MillraceError('REQUEST_REFUSED', `SubmitJob: ${faults.join('; ')}`)
}

/** As DescribeJobs answers. `child` left out: the parent, or the plain job, which is its own only child. */
export function described(job: SubmittedJob, child?: Child): Job {
  const isArray = job.children.length > 1
  const one = child ?? (isArray ? undefined : job.children[0])
  if (one === undefined) {
    return {
      jobId: job.jobId,
      name: job.request.name,
      status: job.status,
      ...(job.statusReason === undefined ? {} : { statusReason: job.statusReason }),
      statusSummary: { ...job.summary },
    }
  }
  const last = one.attempts.at(-1)
  return {
    jobId: one.jobId,
    name: job.request.name,
    status: one.status,
    ...(one.statusReason === undefined ? {} : { statusReason: one.statusReason }),
    ...(hasEnded(one.status) ? saidByContainer(last) : {}),
    ...(last === undefined ? {} : { logStream: last.logStream }),
  }
}

/** As ListJobs(arrayJobId, jobStatus FAILED) answers. */
export function failedChild(child: Child): FailedChild {
  return {
    index: child.index,
    jobId: child.jobId,
    ...(child.statusReason === undefined ? {} : { statusReason: child.statusReason }),
    ...saidByContainer(child.attempts.at(-1)),
  }
}

function saidByContainer(attempt: EndedAttempt | undefined): { reason?: string; exitCode?: number } {
  return {
    ...(attempt?.reason === undefined ? {} : { reason: attempt.reason }),
    ...(attempt?.exitCode === undefined ? {} : { exitCode: attempt.exitCode }),
  }
}
