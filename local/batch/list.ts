/** ListJobs. */

import type { SQLInputValue } from 'node:sqlite'
import type { JobSummary } from '@aws-sdk/client-batch'
import { JobStatus } from '../../shared/vocabulary.ts'
import type { Batch } from './batch.ts'
import { detailOf } from './describe.ts'
import { nameOf } from './names.ts'
import { queueFor } from './queues.ts'
import { refuse } from './refusal.ts'
import { type ListJobsRequest, listJobs, parse } from './requests.ts'
import type { JobRow } from './rows.ts'

/** API reference: 1,000 a page with a status, 100 with filters. */
const jobsPerPage = 1_000
const jobsPerFilteredPage = 100

interface Condition {
  sql: string
  values: SQLInputValue[]
}

/**
 * Of an array its children, of a queue its parents and plain jobs, newest first. Without a status only what is
 * RUNNING; with a filter every status. Filters do not apply to children. Errors: MALFORMED, NOT_FOUND.
 */
export function list(batch: Batch, body: unknown): { jobSummaryList: JobSummary[]; nextToken?: string } {
  const request = parse(listJobs, body)
  if ((request.jobQueue === undefined) === (request.arrayJobId === undefined)) {
    refuse('Exactly one of jobQueue, arrayJobId and multiNodeJobId must be specified')
  }
  return request.arrayJobId === undefined
    ? listQueue(batch, request, request.jobQueue ?? '')
    : listChildren(batch, request, request.arrayJobId)
}

function listChildren(batch: Batch, request: ListJobsRequest, parent: string): ReturnType<typeof list> {
  const after = cursorOf(request)
  const limit = pageSize(request, jobsPerPage)
  const rows = batch.db.all<JobRow>(
    'SELECT * FROM jobs WHERE parent = ? AND status = ? AND arrayIndex > ? ORDER BY arrayIndex LIMIT ?',
    parent,
    statusOf(request),
    after ?? -1,
    limit + 1,
  )
  return pageOf(batch, rows, limit, row => row.arrayIndex ?? 0)
}

function listQueue(batch: Batch, request: ListJobsRequest, queue: string): ReturnType<typeof list> {
  const { name } = queueFor(batch, queue)
  const filtered = request.filters.length > 0
  const condition = filtered ? filterOf(request) : { sql: 'status = ?', values: [statusOf(request)] }
  const limit = pageSize(request, filtered ? jobsPerFilteredPage : jobsPerPage)
  const rows = batch.db.all<JobRow>(
    `SELECT * FROM jobs WHERE queue = ? AND parent IS NULL AND seq < ? AND ${condition.sql}
     ORDER BY seq DESC LIMIT ?`,
    name,
    cursorOf(request) ?? Number.MAX_SAFE_INTEGER,
    ...condition.values,
    limit + 1,
  )
  return pageOf(batch, rows, limit, row => row.seq)
}

function statusOf({ jobStatus }: ListJobsRequest): JobStatus {
  if (jobStatus === undefined) return JobStatus.RUNNING
  const status = Object.values(JobStatus).find(each => each === jobStatus)
  return status ?? refuse(`Job status ${jobStatus} is not valid`)
}

function filterOf({ filters }: ListJobsRequest): Condition {
  const [filter, second] = filters
  const value = filter?.values[0]
  if (!filter || second || value === undefined)
    return refuse('Exactly one filter with a value can be specified')
  switch (filter.name) {
    case 'JOB_NAME':
      return like('lower(name)', value.toLowerCase())
    case 'JOB_DEFINITION':
      return definitionFilter(value)
    case 'BEFORE_CREATED_AT':
      return { sql: 'createdAt < ?', values: [Number(value)] }
    case 'AFTER_CREATED_AT':
      return { sql: 'createdAt > ?', values: [Number(value)] }
    default:
      return refuse(`Filter ${filter.name} is not valid`)
  }
}

/** A name or ARN with or without revision, a trailing `*` stands for any ending. */
function definitionFilter(value: string): Condition {
  const name = nameOf(value)
  const anyRevision = name.includes(':') || name.endsWith('*') ? name : `${name}:*`
  const { sql, values } = like("substr(definition, instr(definition, '/') + 1)", anyRevision)
  return { sql: `submission IN (SELECT jobId FROM submissions WHERE ${sql})`, values }
}

function like(expression: string, value: string): Condition {
  if (!value.endsWith('*')) return { sql: `${expression} = ?`, values: [value] }
  const prefix = value.slice(0, -1)
  return { sql: `substr(${expression}, 1, ?) = ?`, values: [prefix.length, prefix] }
}

function pageSize({ maxResults }: ListJobsRequest, most: number): number {
  return Math.min(Math.max(maxResults ?? most, 1), most)
}

function cursorOf({ nextToken }: ListJobsRequest): number | undefined {
  if (nextToken === undefined) return undefined
  const cursor = Buffer.from(nextToken, 'base64url').toString()
  return /^\d+$/.test(cursor) ? Number(cursor) : refuse('nextToken is not valid')
}

function pageOf(
  batch: Batch,
  rows: JobRow[],
  limit: number,
  position: (row: JobRow) => number,
): ReturnType<typeof list> {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const more = rows.length > limit && last !== undefined
  return {
    jobSummaryList: page.map(row => summaryOf(batch, row)),
    ...(more ? { nextToken: Buffer.from(String(position(last))).toString('base64url') } : {}),
  }
}

function summaryOf(batch: Batch, row: JobRow): JobSummary {
  const detail = detailOf(batch, row)
  const { jobArn, jobId, jobName, createdAt, status, statusReason, startedAt, stoppedAt, jobDefinition } =
    detail
  const { exitCode, reason } = detail.container ?? {}
  return {
    jobArn,
    jobId,
    jobName,
    createdAt,
    status,
    statusReason,
    startedAt,
    stoppedAt,
    jobDefinition,
    container: {
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(reason === undefined ? {} : { reason }),
    },
    ...arrayOf(row),
  }
}

function arrayOf({ arrayIndex, arraySize }: JobRow): Pick<JobSummary, 'arrayProperties'> {
  if (arrayIndex !== null) return { arrayProperties: { index: arrayIndex } }
  return arraySize === null ? {} : { arrayProperties: { size: arraySize } }
}
