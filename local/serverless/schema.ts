/** The parts of serverless.yml the local stack acts on. What it would have to ignore, it refuses. */
import { z } from 'zod'

export const queueSchema = z.object({
  VisibilityTimeout: z.coerce.number().int().min(0).default(30),
  DelaySeconds: z.coerce.number().int().min(0).max(900).default(0),
  FifoQueue: z.literal(false, { error: 'FIFO queues are not built here' }).default(false),
  RedrivePolicy: z
    .object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number().int().min(1) })
    .optional(),
})

/** Strict: an Input or InputTransformer would change what arrives. */
const target = z.strictObject({
  Id: z.string(),
  Arn: z.string(),
  DeadLetterConfig: z.unknown().optional(),
  RetryPolicy: z.unknown().optional(),
})

export const ruleSchema = z.object({
  EventBusName: z.string().optional(),
  State: z.string().optional(),
  ScheduleExpression: z
    .undefined({ error: 'rules on a schedule are not built here; use `schedule`' })
    .optional(),
  EventPattern: z.record(z.string(), z.unknown()),
  /** There is no SNS on one machine: what goes to a topic is for people in AWS. */
  Targets: z
    .array(target)
    .min(1)
    .transform(targets => targets.filter(({ Arn }) => !Arn.startsWith('arn:aws:sns:'))),
})

const enabled = z.boolean().default(true)

const sqs = z.strictObject({
  arn: z.string(),
  batchSize: z.int().min(1).max(10_000).default(10),
  maximumBatchingWindow: z.int().min(0).max(300).default(0),
  functionResponseType: z.literal('ReportBatchItemFailures').optional(),
  /** Locally a function works one batch at a time, so that any such limit holds. */
  maximumConcurrency: z.int().optional(),
  enabled,
})

const eventBridge = z.strictObject({
  eventBus: z.string().optional(),
  pattern: z.record(z.string(), z.unknown()),
  /** Of the hand-over to Lambda's own queue, which cannot fail on one machine. */
  retryPolicy: z.unknown().optional(),
  deadLetterQueueArn: z.string().optional(),
  name: z.unknown().optional(),
  description: z.unknown().optional(),
  enabled,
})

const schedule = z.strictObject({
  method: z.literal('scheduler').optional(),
  rate: z.preprocess(rate => (typeof rate === 'string' ? [rate] : rate), z.array(z.string()).min(1)),
  input: z.unknown().optional(),
  name: z.unknown().optional(),
  description: z.unknown().optional(),
  roleArn: z.unknown().optional(),
  enabled,
})

export const eventSchema = z.union(
  [z.strictObject({ sqs }), z.strictObject({ eventBridge }), z.strictObject({ schedule })],
  { error: faultsOfEvent },
)

/** A union says only 'invalid input'; a person wants the fault within the kind of event they wrote. */
function faultsOfEvent(issue: { input?: unknown }): string {
  const [kind = ''] = Object.keys((issue.input ?? {}) as object)
  const schema = { sqs, eventBridge, schedule }[kind]
  if (schema === undefined) return 'only sqs, eventBridge and schedule are served locally'
  const result = schema.safeParse((issue.input as Record<string, unknown>)[kind])
  const faults = result.error?.issues.map(one => `${[kind, ...one.path].join('.')}: ${one.message}`)
  return faults?.join('; ') ?? 'names more than one kind of event'
}

export const functionSchema = z.object({
  timeout: z.int().min(1).max(900),
  memorySize: z.int(),
  maximumRetryAttempts: z.int().min(0).max(2).optional(),
  destinations: z
    .object({ onFailure: z.union([z.string(), z.object({ arn: z.string() })]).optional() })
    .optional(),
  events: z.array(z.record(z.string(), z.unknown())).default([]),
})

export function deadLetterArn(event: Record<string, unknown>): string | undefined {
  const { success, data } = z
    .object({ eventBridge: z.object({ deadLetterQueueArn: z.string() }) })
    .safeParse(event)
  return success ? data.eventBridge.deadLetterQueueArn : undefined
}
