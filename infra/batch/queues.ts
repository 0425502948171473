/** Job queues: each fleet's by priority, Spot first; and who may submit to them. Pure. */
import { type QueueName, queueNames, queuePriorities } from '../../shared/pipeline/job.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { type Fleet, fleetOf, queueName, sharedFleet, shareIdentifier } from '../../shared/placement.ts'
import { JobStatus } from '../../shared/vocabulary.ts'
import { attribute, idOf, type Node, ref } from './cloudformation.ts'
import { environmentId } from './fleets.ts'
import type { Settings } from './settings.ts'

export interface Queue {
  id: string
  name: string
  fleet: Fleet
  queue: QueueName
  onDemand: boolean
}

/** Of the shared fleet all six; of the others those that a pipeline names, and what their retries may move to. */
export function queuesOf(pipelines: readonly Pipeline[], settings: Settings): Queue[] {
  const found = new Map<string, Queue>()
  const add = (fleet: Fleet, queue: QueueName, onDemand: boolean): void => {
    const name = queueName(settings, fleet, queue, onDemand)
    const id = `JobQueue${idOf(fleet.name)}${idOf(queue)}${onDemand ? 'OnDemand' : ''}`
    found.set(name, { id, name, fleet, queue, onDemand })
  }
  for (const queue of queueNames) for (const onDemand of [false, true]) add(sharedFleet, queue, onDemand)
  for (const pipeline of pipelines) {
    const { queue, nodes } = pipeline.job
    // Batch runs multi-node jobs on demand only. Source: ComputeResource.type.
    if (nodes === undefined) add(fleetOf(pipeline), queue, false)
    add(fleetOf(pipeline), queue, true)
  }
  return [...found.values()]
}

/** Without them a job that fits nowhere stays RUNNABLE for ever, and the run with it. */
const timeLimits = [
  { Reason: 'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE', MaxTimeSeconds: 600 },
  { Reason: 'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT', MaxTimeSeconds: 600 },
  { Reason: 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY', MaxTimeSeconds: 21_600 },
]

export function jobQueue({ name, fleet, queue, onDemand }: Queue, { fairShare, stage }: Settings): Node {
  return {
    Type: 'AWS::Batch::JobQueue',
    Properties: {
      JobQueueName: name,
      State: 'ENABLED',
      Priority: queuePriorities[queue],
      ComputeEnvironmentOrder: environmentsOf(fleet, queue, onDemand).map((id, at) => ({
        Order: at + 1,
        ComputeEnvironment: ref(id),
      })),
      JobStateTimeLimitActions: timeLimits.map(limit => ({
        ...limit,
        State: JobStatus.RUNNABLE,
        Action: 'CANCEL',
      })),
      ...(fairShare && { SchedulingPolicyArn: attribute('SchedulingPolicy', 'Arn') }),
      Tags: { project: 'millrace', stage },
    },
  }
}

/** A full or short Spot environment spills over at once and at full price: only what is urgent does so. */
function environmentsOf(fleet: Fleet, queue: QueueName, onDemand: boolean): string[] {
  if (onDemand) return [environmentId(fleet, true)]
  const spot = environmentId(fleet, false)
  return queue === 'critical' ? [spot, environmentId(fleet, true)] : [spot]
}

/** How far back use counts against a pipeline's share. */
const shareDecaySeconds = 3600
/** Batch's smallest and largest weight. */
const weightMin = 0.0001
const weightMax = 999.9999

export function schedulingPolicy(pipelines: readonly Pipeline[], { jobPrefix, stage }: Settings): Node {
  return {
    Type: 'AWS::Batch::SchedulingPolicy',
    Properties: {
      Name: `${jobPrefix}-fair`,
      FairsharePolicy: {
        ShareDecaySeconds: shareDecaySeconds,
        ComputeReservation: 0,
        ShareDistribution: pipelines.map(({ name, job }) => ({
          ShareIdentifier: shareIdentifier(name),
          WeightFactor: weightFactor(job.shareWeight),
        })),
      },
      Tags: { project: 'millrace', stage },
    },
  }
}

/** Batch gives an eighth of the weight eight times the share; our `shareWeight` means what it says. */
function weightFactor(shareWeight: number): number {
  const factor = Math.round((1 / shareWeight) * 10_000) / 10_000
  return Math.min(weightMax, Math.max(weightMin, factor))
}
