/** 'Batch Job State Change' envelopes for the in-memory Batch. Pure. */
import type { JobStatus } from '../vocabulary.ts'
import { type Child, type EndedAttempt, hasEnded, type SubmittedJob } from './submitted-job.ts'

/** EventBridge's envelope around the detail that Batch sends. */
export interface BatchStateChange {
  version: '0'
  id: string
  'detail-type': 'Batch Job State Change'
  source: 'aws.batch'
  account: string
  time: string
  region: string
  resources: string[]
  detail: Record<string, unknown> & { jobId: string; jobName: string; jobQueue: string; status: JobStatus }
}

const account = '000000000000'
const region = 'us-east-1'
const arn = (resource: string): string => `arn:aws:batch:${region}:${account}:${resource}`

/** Of a child, of a parent (`child` left out), or of a plain job (its only child). */
export function stateChange(
  stamp: { id: string; time: string },
  job: SubmittedJob,
  child?: Child,
): BatchStateChange {
  const jobId = child?.jobId ?? job.jobId
  return {
    version: '0',
    id: stamp.id,
    'detail-type': 'Batch Job State Change',
    source: 'aws.batch',
    account,
    time: stamp.time,
    region,
    resources: [arn(`job/${jobId}`)],
    detail: {
      jobArn: arn(`job/${jobId}`),
      jobName: job.request.name,
      jobId,
      jobQueue: arn(`job-queue/${job.request.queue}`),
      status: child?.status ?? job.status,
      createdAt: job.createdAt,
      jobDefinition: arn(`job-definition/${job.request.definition}:1`),
      timeout: { attemptDurationSeconds: job.request.timeoutSeconds },
      dependsOn: [],
      parameters: {},
      ...(child === undefined ? ofParent(job) : ofChild(job, child)),
    },
  }
}

function ofParent(job: SubmittedJob): Record<string, unknown> {
  return {
    ...defined({ statusReason: job.statusReason }),
    attempts: [],
    arrayProperties: { size: job.children.length, statusSummary: { ...job.summary } },
  }
}

function ofChild(job: SubmittedJob, child: Child): Record<string, unknown> {
  const last = hasEnded(child.status) ? child.attempts.at(-1) : undefined
  return {
    ...defined({ statusReason: child.statusReason, startedAt: child.startedAt, stoppedAt: child.stoppedAt }),
    attempts: child.attempts.map(attempt => ({
      container: container(attempt),
      ...defined({
        startedAt: attempt.startedAt,
        stoppedAt: attempt.stoppedAt,
        statusReason: attempt.statusReason,
      }),
    })),
    container: {
      environment: Object.entries(job.request.environment).map(([name, value]) => ({ name, value })),
      ...(last === undefined ? {} : container(last)),
    },
    ...(child.jobId === job.jobId ? {} : { arrayProperties: { index: child.index } }),
  }
}

function container({ exitCode, reason, logStream: logStreamName }: EndedAttempt): Record<string, unknown> {
  return defined({ exitCode, reason, logStreamName })
}

/** Batch leaves out what it does not know. */
function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
