/** The machinery of the in-memory Batch; shared/memory/jobs.ts says what it offers. */
import { isoTime } from '../clock.ts'
import { MillraceError } from '../errors.ts'
import { dependentReason } from '../failure.ts'
import type { FailedChild, Job, JobRequest } from '../ports.ts'
import { padded } from '../records.ts'
import { JobStatus } from '../vocabulary.ts'
import { stateChange } from './job-events.ts'
import type { AttemptOutcome, MemoryJobs, MemoryJobsOptions } from './jobs.ts'
import {
  type Child,
  described,
  failedPage,
  followersOf,
  foundIn,
  hasEnded,
  logStream,
  type SubmittedJob,
  statusOfAwaited,
  submittedJob,
} from './submitted-job.ts'

const describedMax = 100

export class BatchInMemory implements MemoryJobs {
  readonly #options: MemoryJobsOptions
  readonly #jobs = new Map<string, SubmittedJob>()
  #names = 0

  constructor(options: MemoryJobsOptions) {
    this.#options = options
  }

  async submit(request: JobRequest): Promise<{ jobId: string }> {
    const before = statusOfAwaited(this.#jobs, request)
    const job = submittedJob(this.#newName(), request, this.#options.clock.now(), before)
    this.#jobs.set(job.jobId, job)
    if (job.children.length > 1) this.#say(job)
    for (const child of job.children) this.#say(job, child)
    if (before === JobStatus.FAILED)
      this.#follow(
        job.children.map(child => ({ job, child })),
        before,
      )
    return { jobId: job.jobId }
  }

  async find(name: string, queue: string): Promise<Job[]> {
    const found = [...this.#jobs.values()].filter(
      job => job.request.name === name && job.request.queue === queue && this.#visible(job),
    )
    return found.toReversed().map(job => described(job))
  }

  async describe(jobIds: string[]): Promise<Job[]> {
    if (jobIds.length > describedMax) {
      throw new MillraceError('REQUEST_REFUSED', `DescribeJobs takes at most ${describedMax} ids`)
    }
    return [...new Set(jobIds)].flatMap(jobId => {
      const found = foundIn(this.#jobs, jobId)
      if (found === undefined || !this.#visible(found.job)) return []
      return [described(found.job, found.child)]
    })
  }

  async failures(jobId: string, after?: string): Promise<{ failed: FailedChild[]; next?: string }> {
    return failedPage(this.#jobs.get(jobId), after)
  }

  async terminate(jobId: string, reason: string): Promise<void> {
    const found = foundIn(this.#jobs, jobId)
    if (found === undefined) return
    const targets = found.child === undefined ? found.job.children : [found.child]
    // The last first: whoever waits is ended for this reason, and not for the end of another.
    for (const child of targets.toReversed())
      this.#end(found.job, child, { status: JobStatus.FAILED, statusReason: reason })
  }

  submitted(): { jobId: string; request: JobRequest }[] {
    return [...this.#jobs.values()].map(({ jobId, request }) => ({
      jobId,
      request: structuredClone(request),
    }))
  }

  knows(jobId: string): boolean {
    return foundIn(this.#jobs, jobId) !== undefined
  }

  children(jobId: string): Readonly<Child>[] {
    return (this.#jobs.get(jobId)?.children ?? []).map(child => ({ ...child, attempts: [...child.attempts] }))
  }

  start(childId: string): boolean {
    const { job, child } = this.#runner(childId)
    if (child.status !== JobStatus.RUNNABLE) return false
    child.startedAt = this.#options.clock.now()
    this.#move(job, child, JobStatus.RUNNING)
    return true
  }

  end(childId: string, outcome: AttemptOutcome): boolean {
    const { job, child } = this.#runner(childId)
    const hadContainer = outcome.status === JobStatus.SUCCEEDED || outcome.exitCode !== undefined
    if (hadContainer) this.start(childId)
    return this.#end(job, child, outcome)
  }

  reclaim(childId: string, instanceId = 'i-0123456789abcdef0'): boolean {
    const { job, child } = this.#runner(childId)
    if (child.status !== JobStatus.RUNNING) return false
    const statusReason = `Host EC2 (instance ${instanceId}) terminated.`
    const attemptsMax = this.#options.attemptsMax ?? 5
    if (child.attempt >= attemptsMax) return this.#end(job, child, { status: JobStatus.FAILED, statusReason })
    this.#closeAttempt(job, child, { statusReason })
    child.attempt += 1
    child.startedAt = undefined
    this.#move(job, child, JobStatus.RUNNABLE)
    return true
  }

  forget(jobId: string): void {
    this.#jobs.delete(jobId)
  }

  #end(job: SubmittedJob, child: Child, outcome: AttemptOutcome): boolean {
    if (hasEnded(child.status)) return false
    if (child.status === JobStatus.RUNNING) this.#closeAttempt(job, child, outcome)
    child.statusReason = outcome.statusReason ?? 'Essential container in task exited'
    child.stoppedAt = this.#options.clock.now()
    this.#move(job, child, outcome.status)
    this.#follow(followersOf(this.#jobs.values(), job, child), outcome.status)
    return true
  }

  #follow(waiting: { job: SubmittedJob; child: Child }[], after: JobStatus): void {
    const failed = after === JobStatus.FAILED
    for (const { job, child } of waiting) {
      if (failed)
        Object.assign(child, { statusReason: dependentReason, stoppedAt: this.#options.clock.now() })
      this.#move(job, child, failed ? JobStatus.FAILED : JobStatus.RUNNABLE)
    }
  }

  #closeAttempt(job: SubmittedJob, child: Child, outcome: Omit<AttemptOutcome, 'status'>): void {
    const { statusReason, reason, exitCode } = outcome
    const times = { startedAt: child.startedAt, stoppedAt: this.#options.clock.now() }
    child.attempts.push({ ...times, statusReason, reason, exitCode, logStream: logStream(job, child) })
  }

  #move(job: SubmittedJob, child: Child, status: JobStatus): void {
    job.summary[child.status] -= 1
    child.status = status
    job.summary[status] += 1
    const isPlain = child.jobId === job.jobId
    if (isPlain) [job.status, job.statusReason] = [child.status, child.statusReason]
    this.#say(job, child)
    if (job.summary.SUCCEEDED + job.summary.FAILED < job.children.length) return
    if (!isPlain) this.#endParent(job)
    this.#follow(followersOf(this.#jobs.values(), job), job.status)
  }

  #endParent(job: SubmittedJob): void {
    const failed = job.summary.FAILED > 0
    job.status = failed ? JobStatus.FAILED : JobStatus.SUCCEEDED
    job.statusReason = failed ? 'Array Child Job failed' : undefined
    this.#say(job)
  }

  #say(job: SubmittedJob, child?: Child): void {
    const time = isoTime(this.#options.clock.now())
    this.#options.onStateChange?.(stateChange({ id: this.#newName(), time }, job, child))
  }

  /** Counted, not random, so that a simulation with one seed is one story. */
  #newName(): string {
    this.#names += 1
    return `00000000-0000-4000-8000-${padded(this.#names, 12)}`
  }

  #visible(job: SubmittedJob): boolean {
    const { visibleAfterMs: after = 0, clock } = this.#options
    return job.createdAt + (typeof after === 'number' ? after : after()) <= clock.now()
  }

  /** What has a container of its own. Errors: NOT_FOUND, also for the parent of an array. */
  #runner(childId: string): { job: SubmittedJob; child: Child } {
    const found = foundIn(this.#jobs, childId)
    const child = found?.child ?? (found?.job.children.length === 1 ? found.job.children[0] : undefined)
    if (found === undefined || child === undefined) {
      throw new MillraceError('NOT_FOUND', `No child or plain job ${childId}`)
    }
    return { job: found.job, child }
  }
}
