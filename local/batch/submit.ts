/** SubmitJob. Not idempotent, as Batch's is not: the same request twice is two jobs. */
import { newId } from '../../shared/clock.ts'
import { JobStatus } from '../../shared/vocabulary.ts'
import { type Batch, change } from './batch.ts'
import { definitionFor } from './definitions.ts'
import { afterEnd, reconsider } from './dependencies.ts'
import { arns } from './names.ts'
import { queueFor } from './queues.ts'
import { refuse, unknown } from './refusal.ts'
import { type DependencyRequest, parse, submitJob } from './requests.ts'
import { findJob } from './rows.ts'
import { type JobSpec, specOf } from './spec.ts'
import { move, moveChildren, ranksAtBack } from './transitions.ts'
import { checkSubmission } from './validate.ts'

interface Submitted {
  jobId: string
  name: string
  queue: string
  definition: string
  spec: JobSpec
  /** Absent: a plain job. */
  size: number | undefined
}

/** Errors: MALFORMED, NOT_FOUND. */
export function submit(batch: Batch, body: unknown, bodyBytes: number): object {
  const request = parse(submitJob, body)
  checkSubmission(request, bodyBytes, batch.timeoutSecondsMin)
  const queue = queueFor(batch, request.jobQueue)
  const definition = definitionFor(batch, request.jobDefinition)
  const size = request.arrayProperties?.size
  for (const dependency of request.dependsOn) checkDependency(batch, dependency, size)
  const jobId = newId()
  const { containerOverrides, nodeOverrides } = body as {
    containerOverrides?: unknown
    nodeOverrides?: unknown
  }
  const overrides = nodeOverrides ?? containerOverrides
  if (nodeOverrides !== undefined && definition.body.nodeProperties === undefined)
    refuse('nodeOverrides are for multi-node parallel jobs only')
  const spec = specOf(definition.body, request, overrides)
  change(batch, () =>
    enter(batch, { jobId, name: request.jobName, queue: queue.name, definition: definition.arn, spec, size }),
  )
  return { jobArn: arns.job(jobId), jobName: request.jobName, jobId }
}

function checkDependency(batch: Batch, { jobId, type }: DependencyRequest, size: number | undefined): void {
  if (jobId === undefined) return
  const job = findJob(batch, jobId) ?? unknown(`Job dependency ${jobId} not found.`)
  if (type === 'N_TO_N' && job.arraySize !== size) {
    refuse(`Job dependency ${jobId} is not an array of size ${size}`)
  }
}

/** Rows for all, then the first look at what they wait for: the first event of a job is its next status. */
function enter(batch: Batch, submitted: Submitted): void {
  const { jobId, definition, spec } = submitted
  batch.db.run('INSERT INTO submissions VALUES (?, ?, ?)', jobId, definition, JSON.stringify(spec))
  insertJob(batch, submitted)
  if (submitted.size !== undefined) insertChildren(batch, submitted, submitted.size)
  const sql = 'INSERT INTO dependencies VALUES (?, ?, ?, ?)'
  for (const [position, { jobId: dependency, type }] of spec.dependsOn.entries()) {
    batch.db.run(sql, jobId, position, dependency ?? jobId, type ?? null)
  }
  evaluate(batch, submitted)
}

function insertJob(batch: Batch, { jobId, name, queue, size }: Submitted): void {
  batch.db.run(
    `INSERT INTO jobs (jobId, submission, arraySize, name, queue, status, rank, createdAt)
     VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
    jobId,
    size ?? null,
    name,
    queue,
    JobStatus.SUBMITTED,
    ranksAtBack(batch, 1),
    batch.clock.now(),
  )
}

function insertChildren(batch: Batch, { jobId, name, queue }: Submitted, size: number): void {
  batch.db.run(
    `WITH RECURSIVE indices (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM indices WHERE i + 1 < ?2)
     INSERT INTO jobs (jobId, submission, parent, arrayIndex, name, queue, status, rank, createdAt)
     SELECT ?1 || ':' || i, ?1, ?1, i, ?3, ?4, ?5, ?6 + i, ?7 FROM indices`,
    jobId,
    size,
    name,
    queue,
    JobStatus.SUBMITTED,
    ranksAtBack(batch, size),
    batch.clock.now(),
  )
}

/** A parent is never RUNNABLE: it is PENDING from its first runnable child to its last running one. */
function evaluate(batch: Batch, { jobId, spec, size }: Submitted): void {
  const job = findJob(batch, jobId)
  if (!job) return
  const free = spec.dependsOn.length === 0
  const first = free ? JobStatus.RUNNABLE : JobStatus.PENDING
  move(batch, job, { status: size === undefined ? first : JobStatus.PENDING })
  if (size !== undefined) moveChildren(batch, jobId, [JobStatus.SUBMITTED], { status: first })
  if (!free) afterEnd(batch, reconsider(batch, jobId))
}
