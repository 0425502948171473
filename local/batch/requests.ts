/** The shapes of the requests that are understood; what else a request holds is refused or ignored. */
import { z } from 'zod'
import { refuse } from './refusal.ts'

const texts = z.record(z.string(), z.string())
const pairs = z.array(z.object({ name: z.string(), value: z.string().default('') }))
const requirements = z.array(z.object({ type: z.string(), value: z.string() }))
const retryStrategy = z.object({
  attempts: z.int().optional(),
  evaluateOnExit: z
    .array(
      z.object({
        action: z.string(),
        onStatusReason: z.string().optional(),
        onReason: z.string().optional(),
        onExitCode: z.string().optional(),
      }),
    )
    .optional(),
})
const timeout = z.object({ attemptDurationSeconds: z.int().optional() })

/**
 * Members of a container, alike in a job definition and in what a submission overrides. Others (volumes, ulimits, log
 * configuration ...) are kept and shown, and have no meaning for a process.
 */
const container = z.looseObject({
  image: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: pairs.optional(),
  resourceRequirements: requirements.optional(),
  vcpus: z.int().optional(),
  memory: z.int().optional(),
  secrets: z.array(z.object({ name: z.string(), valueFrom: z.string() })).optional(),
})
export type ContainerRequest = z.infer<typeof container>

export const submitJob = z.object({
  jobName: z.string(),
  jobQueue: z.string(),
  jobDefinition: z.string(),
  arrayProperties: z.object({ size: z.int().optional() }).optional(),
  dependsOn: z
    .array(z.object({ jobId: z.string().optional(), type: z.enum(['N_TO_N', 'SEQUENTIAL']).optional() }))
    .default([]),
  parameters: texts.default({}),
  containerOverrides: container.default({}),
  nodeOverrides: z
    .object({
      numNodes: z.int().min(1).optional(),
      nodePropertyOverrides: z
        .array(z.object({ targetNodes: z.string(), containerOverrides: container.default({}) }))
        .max(1, { error: 'has more than one range of nodes, which is not available locally' })
        .default([]),
    })
    .optional(),
  shareIdentifier: z.string().optional(),
  schedulingPriorityOverride: z.int().min(0).max(9999).optional(),
  retryStrategy: retryStrategy.optional(),
  timeout: timeout.optional(),
  tags: texts.default({}),
  propagateTags: z.boolean().optional(),
})
export type SubmitJobRequest = z.infer<typeof submitJob>
export type DependencyRequest = SubmitJobRequest['dependsOn'][number]

export const registerJobDefinition = z.object({
  jobDefinitionName: z.string(),
  type: z.string(),
  parameters: texts.default({}),
  containerProperties: container.optional(),
  nodeProperties: z
    .object({
      numNodes: z.int().min(1),
      mainNode: z.literal(0),
      nodeRangeProperties: z
        .array(z.object({ targetNodes: z.string(), container }))
        .length(1, { error: 'has not one range of nodes; others are not available locally' }),
    })
    .optional(),
  retryStrategy: retryStrategy.optional(),
  timeout: timeout.optional(),
  tags: texts.default({}),
  propagateTags: z.boolean().default(false),
  platformCapabilities: z.array(z.enum(['EC2', 'FARGATE'])).default(['EC2']),
})
export type JobDefinitionBody = z.infer<typeof registerJobDefinition>

export const describeJobs = z.object({ jobs: z.array(z.string()) })

export const listJobs = z.object({
  jobQueue: z.string().optional(),
  arrayJobId: z.string().optional(),
  multiNodeJobId: z.string().optional(),
  jobStatus: z.string().optional(),
  maxResults: z.int().optional(),
  nextToken: z.string().optional(),
  filters: z.array(z.object({ name: z.string(), values: z.array(z.string()).default([]) })).default([]),
})
export type ListJobsRequest = z.infer<typeof listJobs>

export const endJob = z.object({ jobId: z.string(), reason: z.string() })

export const describeJobDefinitions = z.object({
  jobDefinitions: z.array(z.string()).optional(),
  jobDefinitionName: z.string().optional(),
  status: z.string().optional(),
  maxResults: z.int().optional(),
  nextToken: z.string().optional(),
})
export type DescribeJobDefinitionsRequest = z.infer<typeof describeJobDefinitions>

export const deregisterJobDefinition = z.object({ jobDefinition: z.string() })
export const describeJobQueues = z.object({ jobQueues: z.array(z.string()).optional() })
export const createJobQueue = z.object({ jobQueueName: z.string(), priority: z.int().min(0) })

/** Batch knows these and this server does not: saying nothing would run something else than was asked. */
const unavailable = [
  'eksPropertiesOverride',
  'eksProperties',
  'ecsPropertiesOverride',
  'ecsProperties',
  'consumableResourcePropertiesOverride',
  'consumableResourceProperties',
  'multiNodeJobId',
]

/** Errors: MALFORMED naming every fault. */
export function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const asked = unavailable.filter(name => typeof body === 'object' && body !== null && name in body)
  if (asked.length > 0) refuse(`Not available in the local Batch: ${asked.join(', ')}`)
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  return refuse(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
}
