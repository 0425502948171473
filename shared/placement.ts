/** Which of Batch's queues and definitions a pipeline's jobs go to: the deployment names them by this, and so does submit. Pure. */
import { createHash } from 'node:crypto'
import type { Config } from './config.ts'
import { fargateSizeMax, fargateSizeOf, type Size } from './pipeline/fargate.ts'
import type { JobSettings, QueueName } from './pipeline/job.ts'
import type { Lane, Place } from './records.ts'

/** Instances (or Fargate) that pipelines share, on Spot and on demand. */
export interface Fleet {
  /** `x86-64`, `arm64`, `gpu`, `fargate`, `fargate-arm64`, or `own-<pipeline>`. */
  name: string
  platform: JobSettings['platform']
  architecture: JobSettings['architecture']
  gpu: boolean
  /** Where the pipeline has instances of its own. */
  instances?: NonNullable<JobSettings['instances']>
}

interface Placed {
  name: string
  job: JobSettings
}

/** Of the stage as a whole: exists whether a pipeline uses it or not. */
export const sharedFleet: Fleet = { name: 'x86-64', platform: 'EC2', architecture: 'x86_64', gpu: false }

export function fleetOf({ name, job }: Placed): Fleet {
  const { platform, architecture, instances } = job
  const gpu = job.gpus !== undefined
  const shape = { platform, architecture, gpu }
  if (instances !== undefined) return { name: `own-${name}`, ...shape, instances }
  if (gpu) return { name: 'gpu', ...shape }
  const arm = architecture === 'arm64'
  if (platform === 'FARGATE') return { name: arm ? 'fargate-arm64' : 'fargate', ...shape }
  return arm ? { name: 'arm64', ...shape } : sharedFleet
}

type Naming = Pick<Config, 'jobPrefix' | 'fairShare'>

/** A queue cannot be given fair share later on (Batch refuses it), so that the other kind has another name. */
export function queueName(
  { jobPrefix, fairShare }: Naming,
  fleet: Fleet,
  queue: QueueName,
  onDemand = false,
): string {
  const parts = [jobPrefix, fairShare ? 'fair' : '', fleet.name === sharedFleet.name ? '' : fleet.name, queue]
  return [...parts, onDemand ? 'on-demand' : ''].filter(Boolean).join('-')
}

/**
 * By `_`, which neither part holds. Batch takes a name that is there already for a revision of it: by `-`, the stages
 * `prod` and `prod-eu` would run each other's `eu-orders` and `orders`, with each other's role and table.
 */
export function definitionName({ jobPrefix }: Pick<Config, 'jobPrefix'>, pipeline: string): string {
  return `${jobPrefix}_${pipeline}`
}

/** Letters and digits are all that Batch takes: the name's own, and enough of its hash to tell `a-b` from `ab`. */
export function shareIdentifier(pipeline: string): string {
  return pipeline.replaceAll('-', '') + createHash('sha256').update(pipeline).digest('hex').slice(0, 8)
}

export function placeOf(config: Naming, pipeline: Placed): Place {
  const fleet = fleetOf(pipeline)
  const { job } = pipeline
  const onDemandQueue = queueName(config, fleet, job.queue, true)
  return {
    definition: definitionName(config, pipeline.name),
    // Batch runs multi-node jobs on demand only. Source: ComputeResource.type.
    queue: job.nodes === undefined ? queueName(config, fleet, job.queue) : onDemandQueue,
    onDemandQueue,
    ...(config.fairShare && {
      share: { identifier: shareIdentifier(pipeline.name), priority: job.schedulingPriority },
    }),
  }
}

export function queueOf(place: Place, lane: Lane = {}): string {
  return lane.onDemand ? place.onDemandQueue : place.queue
}

/** What a job asks for; of Fargate the next size that it has, at most its largest. */
export function sizeOf({ platform, vcpus, memoryMiB }: Pick<JobSettings, 'platform'> & Size): Size {
  if (platform === 'EC2') return { vcpus, memoryMiB }
  return fargateSizeOf({ vcpus, memoryMiB }) ?? fargateSizeMax
}
