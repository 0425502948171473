/** AWS Batch as our Jobs. Also drives the local Batch server, which speaks the same protocol. */
import {
  BatchClient,
  ClientException,
  DescribeJobsCommand,
  type JobDetail,
  type JobSummary,
  ListJobsCommand,
  SubmitJobCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch'
import { systemClock } from '../clock.ts'
import { MillraceError } from '../errors.ts'
import type { Clock, FailedChild, Job, JobRequest, Jobs } from '../ports.ts'
import { JobStatus } from '../vocabulary.ts'
import { clientSettings } from './client-settings.ts'
import { awsFault, repeated } from './faults.ts'
import { submission } from './submission.ts'

/** Our names are used once or twice; a prefix can match no more, for JOB_NAME without `*` is the whole name. */
const findPagesMax = 10
/** ListJobs' own limits: 1,000 a page with a status, 100 with a filter. */
const failuresPerPage = 1000
/** TerminateJob refuses longer ones. */
const terminateReasonMax = 1024

/**
 * `client` must not repeat calls itself (`maxAttempts: 1`, as `createAwsClients` builds it): SubmitJob has no client
 * token, so that a repeated one is a second array. Calls that only look are repeated here, on `clock`.
 */
export function createBatchJobs(options: { client: BatchClient; clock?: Clock }): Jobs {
  const { client, clock = systemClock } = options
  return {
    submit: request => submit(client, request),
    find: (name, queue) => find(client, clock, name, queue),
    describe: async jobIds => (await describeJobs(client, clock, jobIds)).map(toJob),
    failures: (jobId, after) => failures(client, clock, jobId, after),
    terminate: (jobId, reason) => terminate(client, clock, jobId, reason),
  }
}

export const openJobs = (): Jobs => createBatchJobs({ client: new BatchClient(clientSettings('batch')) })

async function submit(client: BatchClient, request: JobRequest): Promise<{ jobId: string }> {
  if ((await client.config.maxAttempts()) !== 1) {
    throw new MillraceError(
      'INVARIANT_BROKEN',
      'The Batch client repeats SubmitJob, which is not idempotent',
      {
        remedy: 'Build it with maxAttempts: 1.',
      },
    )
  }
  try {
    const { jobId } = await client.send(new SubmitJobCommand(submission(request)))
    if (jobId === undefined)
      throw new MillraceError('TEMPORARY_FAILURE', 'SubmitJob answered without a job id')
    return { jobId }
  } catch (error) {
    throw awsFault(`SubmitJob ${request.name}`, error)
  }
}

/** A queue that is gone, as its pipeline is, has no jobs. */
async function find(client: BatchClient, clock: Clock, name: string, jobQueue: string): Promise<Job[]> {
  try {
    return await findListed(client, clock, name, jobQueue)
  } catch (error) {
    if (error instanceof Error && error.cause instanceof ClientException) return []
    throw error
  }
}

/** With a filter, ListJobs ignores jobStatus and lists every status; children are never among them. */
async function findListed(client: BatchClient, clock: Clock, name: string, jobQueue: string): Promise<Job[]> {
  const found: JobSummary[] = []
  let nextToken: string | undefined
  for (let page = 0; page < findPagesMax; page++) {
    const command = new ListJobsCommand({
      jobQueue,
      filters: [{ name: 'JOB_NAME', values: [name] }],
      nextToken,
    })
    const answer = await repeated(clock, `ListJobs ${name}`, () => client.send(command))
    // The filter ignores case.
    found.push(...(answer.jobSummaryList ?? []).filter(summary => summary.jobName === name))
    nextToken = answer.nextToken
    if (nextToken === undefined) return newestFirst(found).map(toJob)
  }
  throw new MillraceError('INVARIANT_BROKEN', `More than ${findPagesMax} pages of jobs named ${name}`)
}

function newestFirst(summaries: JobSummary[]): JobSummary[] {
  return summaries.toSorted((one, other) => (other.createdAt ?? 0) - (one.createdAt ?? 0))
}

async function describeJobs(client: BatchClient, clock: Clock, jobs: string[]): Promise<JobDetail[]> {
  if (jobs.length === 0) return []
  const answer = await repeated(clock, 'DescribeJobs', () => client.send(new DescribeJobsCommand({ jobs })))
  return answer.jobs ?? []
}

/** Asks what the job is first: ListJobs with the id of a plain job as `arrayJobId` is documented nowhere. */
async function failures(
  client: BatchClient,
  clock: Clock,
  arrayJobId: string,
  after: string | undefined,
): Promise<{ failed: FailedChild[]; next?: string }> {
  const job = after === undefined ? (await describeJobs(client, clock, [arrayJobId]))[0] : undefined
  if (after === undefined && job?.arrayProperties?.size === undefined) {
    return { failed: job?.status === JobStatus.FAILED ? [toFailed(job)] : [] }
  }
  const command = new ListJobsCommand({
    arrayJobId,
    jobStatus: JobStatus.FAILED,
    maxResults: failuresPerPage,
    nextToken: after,
  })
  const answer = await repeated(clock, `ListJobs ${arrayJobId}`, () => client.send(command))
  const failed = (answer.jobSummaryList ?? []).map(toFailed)
  return { failed, ...(answer.nextToken === undefined ? {} : { next: answer.nextToken }) }
}

async function terminate(client: BatchClient, clock: Clock, jobId: string, reason: string): Promise<void> {
  const command = new TerminateJobCommand({ jobId, reason: reason.slice(0, terminateReasonMax) })
  try {
    await repeated(clock, `TerminateJob ${jobId}`, () => client.send(command))
  } catch (error) {
    if (!(error instanceof Error && error.cause instanceof ClientException)) throw error
    const [job] = await describeJobs(client, clock, [jobId])
    if (job !== undefined && job.status !== JobStatus.SUCCEEDED && job.status !== JobStatus.FAILED)
      throw error
  }
}

function toJob(job: JobDetail | JobSummary): Job {
  const { jobId, jobName, status, statusReason, arrayProperties, container } = job
  if (jobId === undefined || jobName === undefined || status === undefined) {
    throw new MillraceError('MALFORMED', 'Batch answered with a job that has no id, name or status')
  }
  const { reason, exitCode } = container ?? {}
  const statusSummary =
    arrayProperties && 'statusSummary' in arrayProperties ? arrayProperties.statusSummary : undefined
  const logStream = container && 'logStreamName' in container ? container.logStreamName : undefined
  return {
    jobId,
    name: jobName,
    status,
    ...(statusReason === undefined ? {} : { statusReason }),
    ...(statusSummary === undefined ? {} : { statusSummary }),
    ...(reason === undefined ? {} : { reason }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(logStream === undefined ? {} : { logStream }),
  }
}

function toFailed(job: JobDetail | JobSummary): FailedChild {
  const { jobId, statusReason, reason, exitCode } = toJob(job as JobSummary)
  return {
    index: job.arrayProperties?.index ?? Number(jobId.split(':')[1] ?? 0),
    jobId,
    ...(statusReason === undefined ? {} : { statusReason }),
    ...(reason === undefined ? {} : { reason }),
    ...(exitCode === undefined ? {} : { exitCode }),
  }
}
