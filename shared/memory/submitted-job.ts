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

/**
 * Every child that waits for nobody is RUNNABLE at once: what delays it in AWS is not ours to imitate. `before`: the
 * status of the job that it is to come after. Errors: REQUEST_REFUSED.
 */
export function submittedJob(
  jobId: string,
  request: JobRequest,
  createdAt: number,
  before: JobStatus = JobStatus.SUCCEEDED,
): SubmittedJob {
  refuseWhatBatchRefuses(request)
  const isArray = request.size > 1
  const firstStatus = (index: number): JobStatus =>
    before !== JobStatus.SUCCEEDED || (request.sequential && index > 0)
      ? JobStatus.PENDING
      : JobStatus.RUNNABLE
  const children = Array.from({ length: request.size }, (_, index) => ({
    jobId: isArray ? `${jobId}:${index}` : jobId,
    index,
    status: firstStatus(index),
    attempt: 1,
    attempts: [],
  }))
  const summary = Object.fromEntries(
    Object.values(JobStatus).map(word => [word, children.filter(({ status }) => status === word).length]),
  )
  return {
    jobId,
    request: structuredClone(request),
    createdAt,
    children,
    summary: summary as Record<JobStatus, number>,
    status: isArray ? JobStatus.PENDING : firstStatus(0),
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

const failuresPerPage = 1000

/** As ListJobs(arrayJobId, jobStatus FAILED) answers. */
export function failedPage(
  job: SubmittedJob | undefined,
  after?: string,
): { failed: FailedChild[]; next?: string } {
  const failed = (job?.children ?? []).filter(child => child.status === JobStatus.FAILED)
  const from = after === undefined ? 0 : failed.findIndex(child => child.index > Number(after))
  const page = from === -1 ? [] : failed.slice(from, from + failuresPerPage)
  const last = page.at(-1)
  const more = last !== undefined && last !== failed.at(-1)
  return { failed: page.map(failedChild), ...(more ? { next: String(last.index) } : {}) }
}

/** Errors: NOT_FOUND. */
export function statusOfAwaited(
  jobs: ReadonlyMap<string, SubmittedJob>,
  { after }: JobRequest,
): JobStatus | undefined {
  const awaited = after === undefined ? undefined : jobs.get(after)
  if (after !== undefined && awaited === undefined)
    throw new MillraceError('NOT_FOUND', `Job dependency ${after} not found`)
  return awaited?.status
}

/** `<parent>:<index>`, or a job as a whole. */
export function foundIn(
  jobs: ReadonlyMap<string, SubmittedJob>,
  jobId: string,
): { job: SubmittedJob; child?: Child } | undefined {
  const [parentId = '', index] = jobId.split(':')
  const job = jobs.get(parentId)
  if (job === undefined || index === undefined) return job && { job }
  const child = job.children[Number(index)]
  return child?.jobId === jobId ? { job, child } : undefined
}

/** Whom the end of a child, or of a job as a whole, sets free: all of them where it FAILED. */
export function followersOf(
  jobs: Iterable<SubmittedJob>,
  job: SubmittedJob,
  ended?: Child,
): { job: SubmittedJob; child: Child }[] {
  const isPending = ({ status }: Child): boolean => status === JobStatus.PENDING
  const failed = (ended ?? job).status === JobStatus.FAILED
  const firstOf = (of: SubmittedJob, from: number) =>
    of.children
      .slice(from, failed || !of.request.sequential ? undefined : from + 1)
      .filter(isPending)
      .map(child => ({ job: of, child }))
  if (ended !== undefined) return job.request.sequential ? firstOf(job, ended.index + 1) : []
  return [...jobs].filter(({ request }) => request.after === job.jobId).flatMap(each => firstOf(each, 0))
}

function failedChild(child: Child): FailedChild {
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
