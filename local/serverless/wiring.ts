/** What is wired to what, as plain data: the part of serverless.yml that decides where events go. */

import type { RegisterJobDefinitionCommandInput, ResourceRequirement, Secret } from '@aws-sdk/client-batch'

export interface QueueSource {
  queue: string
  batchSize: number
  windowMs: number
  /** ReportBatchItemFailures: the result names the messages that failed; else all of them share one fate. */
  reportsFailures: boolean
}

export interface FunctionWiring {
  name: string
  timeoutMs: number
  memoryMiB: number
  queues: QueueSource[]
  /** Of events that come directly: after the first try, so often again. */
  retriesMax: number
  /** Where an event goes that the function could not do. */
  failureQueue?: string
}

export interface QueueWiring {
  name: string
  visibilityMs: number
  delayMs: number
  redrive?: { receivesMax: number; deadLetterQueue: string }
}

export interface RuleWiring {
  name: string
  bus: string
  pattern: unknown
  /** Names of queues; a function's own is `eventQueue(name)`. */
  targets: string[]
}

export interface ScheduleWiring {
  name: string
  functionName: string
  everyMs: number
  /** JSON; without it the function gets Scheduler's own event. */
  input?: unknown
}

export interface JobQueueWiring {
  name: string
  /** The higher goes first. */
  priority: number
}

/** AWS Batch's, in the words of its API: what of it matters where the image is a checkout. */
export type JobDefinitionWiring = Required<
  Pick<RegisterJobDefinitionCommandInput, 'jobDefinitionName' | 'propagateTags' | 'tags'>
> &
  Pick<RegisterJobDefinitionCommandInput, 'retryStrategy' | 'timeout' | 'platformCapabilities'> & {
    environment: { name: string; value: string }[]
    resourceRequirements: ResourceRequirement[]
    secrets?: Secret[]
    /** Of multi-node parallel jobs. */
    nodes?: number
  }

export interface Wiring {
  /** In the order of the file. */
  functions: FunctionWiring[]
  queues: QueueWiring[]
  rules: RuleWiring[]
  schedules: ScheduleWiring[]
  jobQueues: JobQueueWiring[]
  jobDefinitions: JobDefinitionWiring[]
}

/** Lambda's internal queue of one function's direct events. */
export function eventQueue(functionName: string): string {
  return `lambda:${functionName}`
}
