/** DescribeJobs: what a row says, in Batch's shape. Times are epoch ms. */
import type { AttemptDetail, ContainerDetail, JobDetail } from '@aws-sdk/client-batch'
import type { JobStatus } from '../../shared/vocabulary.ts'
import type { Batch } from './batch.ts'
import { arns } from './names.ts'
import { refuse } from './refusal.ts'
import { describeJobs, parse } from './requests.ts'
import { type AttemptRow, attemptsOf, findJob, type JobRow, submissionOf } from './rows.ts'
import type { JobSpec } from './spec.ts'
import { isTerminal } from './transitions.ts'

const jobsMax = 100

/** Jobs that are not known are left out. Errors: MALFORMED. */
export function describe(batch: Batch, body: unknown): { jobs: JobDetail[] } {
  const { jobs } = parse(describeJobs, body)
  if (jobs.length > jobsMax) refuse(`Maximum number of jobs supported is ${jobsMax}`)
  const found = [...new Set(jobs)].map(jobId => findJob(batch, jobId)).filter(job => job !== undefined)
  return { jobs: found.map(job => detailOf(batch, job)) }
}

/** Of the job as the row has it: an event hands in the row of its moment. */
export function detailOf(batch: Batch, job: JobRow): JobDetail {
  const { definition, spec } = submissionOf(batch, job)
  const rows = job.arraySize === null ? attemptsOf(batch, job.jobId) : []
  const ended = rows.filter(({ attempt }) => attempt <= job.attempts)
  const current = isTerminal(job) ? ended.at(-1) : rows.find(({ attempt }) => attempt > job.attempts)
  return {
    jobArn: arns.job(job.jobId),
    jobName: job.name,
    jobId: job.jobId,
    jobQueue: arns.queue(job.queue),
    status: job.status,
    attempts: ended.map(attemptDetail),
    ...(job.statusReason === null ? {} : { statusReason: job.statusReason }),
    createdAt: job.createdAt,
    retryStrategy: { attempts: spec.attempts, evaluateOnExit: spec.evaluateOnExit as [] },
    ...timesOf(job),
    dependsOn: spec.dependsOn,
    jobDefinition: definition,
    parameters: spec.parameters,
    container: containerDetail(spec, current),
    ...arrayDetail(batch, job),
    ...(spec.timeoutSeconds === undefined
      ? {}
      : { timeout: { attemptDurationSeconds: spec.timeoutSeconds } }),
    ...(spec.nodes === undefined
      ? {}
      : { nodeProperties: { numNodes: spec.nodes, mainNode: 0, nodeRangeProperties: [] } }),
    ...(spec.shareIdentifier === undefined ? {} : { shareIdentifier: spec.shareIdentifier }),
    tags: { ...spec.tags, resourceArn: arns.job(job.jobId) },
    propagateTags: spec.propagateTags,
    platformCapabilities: spec.platformCapabilities,
    eksAttempts: [],
    isCancelled: job.cancelled === 1,
    isTerminated: job.terminated === 1,
  }
}

function timesOf({ startedAt, stoppedAt }: JobRow): Pick<JobDetail, 'startedAt' | 'stoppedAt'> {
  return { startedAt: startedAt ?? undefined, ...(stoppedAt === null ? {} : { stoppedAt }) }
}

function attemptDetail(row: AttemptRow): AttemptDetail {
  return {
    container: {
      containerInstanceArn: arns.instance(row.instance),
      taskArn: arns.task(row.task),
      ...endOf(row),
    },
    ...(row.startedAt === null ? {} : { startedAt: row.startedAt }),
    ...(row.stoppedAt === null ? {} : { stoppedAt: row.stoppedAt }),
    ...(row.statusReason === null ? {} : { statusReason: row.statusReason }),
  }
}

function endOf(row: AttemptRow): { exitCode?: number; reason?: string; logStreamName: string } {
  return {
    ...(row.exitCode === null ? {} : { exitCode: row.exitCode }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    logStreamName: row.logStream,
  }
}

/** `attempt`: the one under way, or the last. */
function containerDetail(spec: JobSpec, attempt: AttemptRow | undefined): ContainerDetail {
  return {
    image: spec.image,
    command: spec.command,
    environment: spec.environment,
    resourceRequirements: [
      { type: 'VCPU', value: String(spec.vcpus) },
      { type: 'MEMORY', value: String(spec.memoryMiB) },
    ],
    volumes: [],
    mountPoints: [],
    ulimits: [],
    networkInterfaces: [],
    secrets: spec.secrets ?? [],
    ...(attempt
      ? {
          ...endOf(attempt),
          taskArn: arns.task(attempt.task),
          containerInstanceArn: arns.instance(attempt.instance),
        }
      : {}),
  }
}

function arrayDetail(batch: Batch, job: JobRow): Pick<JobDetail, 'arrayProperties'> {
  if (job.arrayIndex !== null) return { arrayProperties: { statusSummary: {}, index: job.arrayIndex } }
  if (job.arraySize === null) return {}
  const statusSummary = summaryOf(batch, job.jobId)
  return {
    arrayProperties: { statusSummary, size: job.arraySize, statusSummaryLastUpdatedAt: batch.clock.now() },
  }
}

function summaryOf(batch: Batch, parent: string): Partial<Record<JobStatus, number>> {
  const counts = batch.db.all<{ status: JobStatus; count: number }>(
    'SELECT status, count(*) AS count FROM jobs WHERE parent = ? GROUP BY status',
    parent,
  )
  return Object.fromEntries(counts.map(({ status, count }) => [status, count]))
}
