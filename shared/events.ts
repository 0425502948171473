/** What the doorways are handed: EventBridge envelopes, read once, tolerant of what they do not know. Pure. */
import * as z from 'zod'
import { MillraceError } from './errors.ts'
import { type JobTie, parseJobName } from './jobname.ts'
import type { SourceObject } from './records.ts'
import type { Tick } from './ticks.ts'
import { EventType, JobStatus, ownSource } from './vocabulary.ts'

/** What EventBridge wraps around every event. */
export interface Envelope {
  id: string
  source: string
  'detail-type': string
  time: string
  detail: unknown
}

const objectCreated = z.object({
  source: z.literal('aws.s3'),
  'detail-type': z.literal('Object Created'),
  detail: z.object({
    bucket: z.object({ name: z.string() }),
    object: z.object({
      key: z.string(),
      size: z.number().int().min(0),
      etag: z.string(),
      'version-id': z.string().optional(),
      sequencer: z.string().optional(),
    }),
  }),
})

/** A dropped object and what sets it apart from any other drop of the same key. */
export interface Drop {
  source: SourceObject
  /** The version id, or etag and sequencer where the bucket keeps no versions. */
  identity: string
}

/** EventBridge keys are raw (direct S3 notifications are not). Errors: MALFORMED. */
export function parseObjectCreated(event: unknown): Drop {
  const { detail } = parse(objectCreated, event, 'an S3 Object Created event')
  const { key, size, etag, sequencer } = detail.object
  const named = detail.object['version-id']
  // Of a bucket whose versions are suspended, every object has this one.
  const version = named === 'null' ? undefined : named
  return {
    source: { bucket: detail.bucket.name, key, bytes: size, etag, ...(version ? { version } : {}) },
    identity: version ?? `${etag}+${sequencer ?? ''}`,
  }
}

const sourceMissed = z.object({
  source: z.literal(ownSource),
  'detail-type': z.literal(EventType.sourceMissed),
  detail: z.object({
    bucket: z.string(),
    key: z.string(),
    bytes: z.number().int().min(0),
    etag: z.string(),
    version: z.string(),
  }),
})

export function isSourceMissed(event: unknown): boolean {
  return isOwnEvent(event) && (event as Partial<Envelope>)['detail-type'] === EventType.sourceMissed
}

/** What stands in for an `Object Created` that never came; of the same version, it is the same drop. Errors: MALFORMED. */
export function parseSourceMissed(event: unknown): Drop {
  const { detail } = parse(sourceMissed, event, 'a Source Missed event')
  const { bucket, key, bytes, etag, version } = detail
  return { source: { bucket, key, bytes, etag, version }, identity: version }
}

const scheduleDue = z.object({
  source: z.literal(ownSource),
  'detail-type': z.literal(EventType.scheduleDue),
  detail: z.object({ pipeline: z.string(), scheduledAt: z.iso.datetime() }),
})

export function isScheduleDue(event: unknown): boolean {
  return isOwnEvent(event) && (event as Partial<Envelope>)['detail-type'] === EventType.scheduleDue
}

/** A tick of which pipeline, and when it was due, as ISO 8601. Errors: MALFORMED. */
export function parseScheduleDue(event: unknown): Tick {
  return parse(scheduleDue, event, 'a Schedule Due event').detail
}

const jobStateChange = z.object({
  source: z.literal('aws.batch'),
  'detail-type': z.literal('Batch Job State Change'),
  detail: z.object({
    jobId: z.string(),
    jobName: z.string(),
    status: z.enum(Object.values(JobStatus)),
    statusReason: z.string().optional(),
    arrayProperties: z
      .object({ index: z.number().int().optional(), size: z.number().int().optional() })
      .optional(),
    container: z.object({ exitCode: z.number().int().optional(), reason: z.string().optional() }).optional(),
  }),
})

export interface JobEnd {
  tie: JobTie
  jobId: string
  status: JobStatus
  /** Of a child; absent for a parent and for a plain job. */
  index?: number
  isParent: boolean
  statusReason?: string
  reason?: string
  exitCode?: number
}

/** `undefined` for a job that is not ours or not terminal, and for a node of one. Errors: MALFORMED. */
export function parseJobEnd(event: unknown): JobEnd | undefined {
  const { detail } = parse(jobStateChange, event, 'a Batch Job State Change event')
  const tie = parseJobName(detail.jobName)
  // A node of a multi-node job has no work of its own: `<job id>#<node>`.
  if (tie === undefined || !terminalJob(detail.status) || detail.jobId.includes('#')) return undefined
  const { index, size } = detail.arrayProperties ?? {}
  return {
    tie,
    jobId: detail.jobId,
    status: detail.status,
    isParent: size !== undefined && index === undefined,
    ...(index === undefined ? {} : { index }),
    ...(detail.statusReason === undefined ? {} : { statusReason: detail.statusReason }),
    ...(detail.container?.reason === undefined ? {} : { reason: detail.container.reason }),
    ...(detail.container?.exitCode === undefined ? {} : { exitCode: detail.container.exitCode }),
  }
}

export function terminalJob(status: JobStatus): boolean {
  return status === JobStatus.SUCCEEDED || status === JobStatus.FAILED
}

const own = z.object({
  source: z.literal(ownSource),
  'detail-type': z.enum(Object.values(EventType)),
  detail: z.object({
    runId: z.string(),
    pipeline: z.string(),
    round: z.number().int().optional(),
    group: z.number().int().optional(),
    state: z.string().optional(),
  }),
})

const expectation = z.object({
  source: z.literal(ownSource),
  'detail-type': z.enum([EventType.expectationMissed, EventType.expectationMet]),
  detail: z.object({ pipeline: z.string(), date: z.string() }),
})

export function isExpectation(event: unknown): boolean {
  return expectation.safeParse(event).success
}

/** Which deadline of which pipeline. Errors: MALFORMED. */
export function parseExpectation(event: unknown): { pipeline: string; date: string } {
  return parse(expectation, event, 'an event about files that did not come').detail
}

export function isOwnEvent(event: unknown): boolean {
  return (event as { source?: unknown } | null)?.source === ownSource
}

/** What Scheduler sends to a function whose schedule says nothing of its own. */
export function isScheduledEvent(event: unknown): boolean {
  return (event as { source?: unknown } | null)?.source === 'aws.scheduler'
}

export type OwnDetail = z.output<typeof own>['detail']

/** Errors: MALFORMED. */
export function parseOwnEvent(event: unknown): OwnDetail {
  return parse(own, event, 'an event of our own bus').detail
}

function parse<Schema extends z.ZodType>(schema: Schema, event: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(event)
  if (result.success) return result.data
  const faults = result.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`).join('; ')
  throw new MillraceError('MALFORMED', `Not ${what}: ${faults}`, {
    remedy: 'It is kept in the dead-letter queue; look which rule or test sent it.',
  })
}
