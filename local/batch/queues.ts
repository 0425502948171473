/** Job queues: a name and a priority; all share the one machine. */
import type { JobQueueDetail } from '@aws-sdk/client-batch'
import { type Batch, change } from './batch.ts'
import { arns, nameOf } from './names.ts'
import { refuse, unknown } from './refusal.ts'
import { createJobQueue, describeJobQueues, parse } from './requests.ts'

export interface JobQueue {
  name: string
  /** The higher goes first. */
  priority: number
}

export function setQueues(batch: Batch, queues: readonly JobQueue[]): void {
  const sql = 'INSERT INTO queues VALUES (?, ?) ON CONFLICT DO UPDATE SET priority = excluded.priority'
  batch.db.transaction(() => {
    for (const { name, priority } of queues) batch.db.run(sql, name, priority)
  })
}

export function queuesByPriority(batch: Batch): JobQueue[] {
  return batch.db.all<JobQueue>('SELECT * FROM queues ORDER BY priority DESC, name')
}

/** By name or ARN. Errors: NOT_FOUND. */
export function queueFor(batch: Batch, asked: string): JobQueue {
  const found = batch.db.get<JobQueue>('SELECT * FROM queues WHERE name = ?', nameOf(asked))
  return found ?? unknown(`JobQueue ${asked} not found.`)
}

export function create(batch: Batch, body: unknown): object {
  const { jobQueueName: name, priority } = parse(createJobQueue, body)
  if (batch.db.get('SELECT 1 FROM queues WHERE name = ?', name)) refuse('Object already exists')
  change(batch, () => setQueues(batch, [{ name, priority }]))
  return { jobQueueName: name, jobQueueArn: arns.queue(name) }
}

export function describe(batch: Batch, body: unknown): { jobQueues: JobQueueDetail[] } {
  const asked = parse(describeJobQueues, body).jobQueues?.map(nameOf)
  const queues = queuesByPriority(batch).filter(({ name }) => asked === undefined || asked.includes(name))
  return { jobQueues: queues.map(detailOf) }
}

function detailOf({ name, priority }: JobQueue): JobQueueDetail {
  return {
    jobQueueName: name,
    jobQueueArn: arns.queue(name),
    priority,
    state: 'ENABLED',
    status: 'VALID',
    statusReason: 'JobQueue Healthy',
    computeEnvironmentOrder: [{ order: 1, computeEnvironment: arns.computeEnvironment }],
    tags: {},
  }
}
