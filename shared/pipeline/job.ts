/** What a pipeline asks of AWS Batch for its jobs. Pure. */
import * as z from 'zod'

/** Of one job, whoever asks. */
export const jobBounds = {
  memoryMiB: { min: 512, max: 768 * 1024 },
  timeoutMinutes: { min: 1, max: 7 * 24 * 60 },
} as const

/** Every one Spot first, the higher priority first. */
export const queuePriorities = { critical: 100, daily: 50, backfill: 10 } as const
export type QueueName = keyof typeof queuePriorities
export const queueNames = Object.keys(queuePriorities) as QueueName[]

const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, { error: 'must be a name for an environment variable' })
  .refine(name => !/^(AWS_BATCH|MILLRACE_)/.test(name), {
    error: 'must not begin with AWS_BATCH or MILLRACE_',
  })
const absolutePath = z
  .string()
  .max(512)
  .regex(/^\/[^\0:]*$/, { error: 'must be an absolute path without a colon' })
/** Of our own job definitions: the worker's temporary files. */
export const scratchVolume = 'scratch'
export const scratchPath = '/scratch'

const volume = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$/, { error: 'must be of A-Z, a-z, 0-9, - and _' })
      .refine(name => name !== scratchVolume, {
        error: `must not be ${scratchVolume}, which is the worker's own`,
      }),
    /** Where the work sees it. */
    path: absolutePath.refine(path => path !== scratchPath && !path.startsWith(`${scratchPath}/`), {
      error: `must not be ${scratchPath}, which is the worker's own`,
    }),
    readOnly: z.boolean().default(false),
    /** A folder of the instance; not with Fargate. */
    hostPath: absolutePath.optional(),
    /** An EFS file system, encrypted on its way. */
    efs: z
      .strictObject({
        fileSystemId: z
          .string()
          .regex(/^fs-[0-9a-f]{8,40}$/, { error: 'must be the id of an EFS file system' }),
        accessPointId: z
          .string()
          .regex(/^fsap-[0-9a-f]{8,40}$/, { error: 'must be the id of an EFS access point' })
          .optional(),
      })
      .optional(),
  })
  .refine(({ hostPath, efs }) => (hostPath === undefined) !== (efs === undefined), {
    error: 'must have either hostPath or efs',
  })

const ulimit = z
  .strictObject({
    name: z.enum([
      'core',
      'cpu',
      'data',
      'fsize',
      'locks',
      'memlock',
      'msgqueue',
      'nice',
      'nofile',
      'nproc',
      'rss',
      'rtprio',
      'rttime',
      'sigpending',
      'stack',
    ]),
    soft: z.int().min(-1),
    hard: z.int().min(-1),
  })
  .refine(({ soft, hard }) => hard === -1 || (soft !== -1 && soft <= hard), {
    error: 'must have a soft limit that is not above the hard one',
  })

const instanceType = z
  .string()
  .regex(/^(optimal|default_x86_64|default_arm64|[a-z][a-z0-9-]*(\.[a-z0-9-]+)?)$/, {
    error: 'must be a family (c7i), a type (c7i.large), default_x86_64, default_arm64 or optimal',
  })

export const jobSchema = z
  .strictObject({
    vcpus: z.number().min(0.25).max(192).default(1),
    memoryMiB: z.int().min(jobBounds.memoryMiB.min).max(jobBounds.memoryMiB.max).default(2048),
    /** How far it is raised where partitions run out of memory that cannot be cut any smaller; default: four times. */
    memoryMiBMax: z.int().min(jobBounds.memoryMiB.min).max(jobBounds.memoryMiB.max).optional(),
    timeoutMinutes: z.int().min(jobBounds.timeoutMinutes.min).max(jobBounds.timeoutMinutes.max).default(60),
    /** Who goes first where there is more work than capacity. */
    queue: z.enum(queueNames).default('daily'),
    /** Within a queue with fair share: how large this pipeline's share is against others', and who goes first in it. */
    shareWeight: z.number().min(0.0001).max(999.9999).default(1),
    schedulingPriority: z.int().min(0).max(9999).default(0),
    architecture: z.enum(['x86_64', 'arm64']).default('x86_64'),
    /** FARGATE: no instances, a start in seconds, a price per job; Spot as well. */
    platform: z.enum(['EC2', 'FARGATE']).default('EC2'),
    /** Instances of its own, with as many vCPUs at most; default: those that the stage's pipelines share. */
    instances: z
      .strictObject({
        types: z.array(instanceType).min(1).max(50),
        maxvCpus: z.int().min(1).max(100_000).default(256),
        diskGiB: z.int().min(30).max(16_384).default(100),
      })
      .optional(),
    /** Of each job; brings instances with NVIDIA GPUs, which exist while there is work. */
    gpus: z.int().min(1).max(16).optional(),
    /** Each partition becomes a multi-node parallel job of so many instances, on demand; command work only. */
    nodes: z.int().min(2).max(1000).optional(),
    /** One partition after the other, in the order of the source: dependsOn SEQUENTIAL. */
    sequential: z.boolean().default(false),
    /** Another image than the stage's own worker; it holds our worker as well (docs/pipelines.md). */
    image: z.string().min(1).max(512).optional(),
    /** Plain text, shown by Batch to whoever may describe jobs: secrets go below. */
    environment: z.record(variable, z.string().max(4096)).default({}),
    /** Secrets Manager names or ARNs, or `ssm:` and the name of a parameter; the work finds the values. */
    secrets: z.record(variable, z.string().min(1).max(512)).default({}),
    tags: z.record(z.string().min(1).max(128), z.string().max(256)).default({}),
    volumes: z.array(volume).max(10).default([]),
    ulimits: z.array(ulimit).max(15).default([]),
    /** /dev/shm. */
    sharedMemoryMiB: z.int().min(1).max(100_000).optional(),
    /** Fargate's disk; it gives 20 of its own accord. */
    ephemeralStorageGiB: z.int().min(21).max(200).optional(),
    /** Statements of IAM policy beyond reading the source and writing the output: what the work itself calls. */
    permissions: z
      .array(
        z.strictObject({
          actions: z
            .array(
              z
                .string()
                .regex(/^[a-z0-9-]+:[A-Za-z]+$/, { error: 'must be one action, service:Action, without *' }),
            )
            .min(1),
          resources: z.array(z.string().regex(/^arn:/, { error: 'must be an ARN' })).min(1),
        }),
      )
      .max(20)
      .default([]),
  })
  .prefault({})

export type JobSettings = z.output<typeof jobSchema>
