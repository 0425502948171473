/** All that AWS Batch needs for these pipelines, as one part of the template. Pure. */
import { MillraceError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import type { Fleet } from '../../shared/placement.ts'
import { type Node, ref } from './cloudformation.ts'
import { definitionId, jobDefinition } from './definitions.ts'
import { computeEnvironment, environmentId, launchTemplates } from './fleets.ts'
import { executionRole, executionRoleId, jobRole, jobRoleId } from './job-roles.ts'
import { jobQueue, type Queue, queuesOf, schedulingPolicy } from './queues.ts'
import { jobRules } from './rules.ts'
import type { Settings } from './settings.ts'
import { submitPolicies, submitPoliciesMax } from './submitters.ts'

export interface Part {
  Resources: Record<string, Node>
  Outputs: Record<string, { Value: unknown }>
}

/** Per Region and account, and not to be raised. Source: AWS Batch's service quotas. */
const environmentsMax = 50
const queuesMax = 50

/**
 * Errors: CONFIG_INVALID where Batch's quotas, or IAM's, would not hold it.
 * @param pipelines parsed; in any order
 */
export function batchResources(pipelines: readonly Pipeline[], settings: Settings): Part {
  const queues = queuesOf(pipelines, settings)
  const fleets = [...new Map(queues.map(({ fleet }) => [fleet.name, fleet])).values()]
  const environments = environmentsOf(queues, settings)
  const submitters = submitPolicies(pipelines, queues, settings)
  refuseTooMany('compute environments', Object.keys(environments).length, environmentsMax)
  refuseTooMany('job queues', queues.length, queuesMax)
  refuseTooMany('policies for the jobs of all pipelines', Object.keys(submitters).length, submitPoliciesMax)
  return {
    Resources: {
      ...launchTemplates(fleets, settings),
      ...environments,
      ...(settings.fairShare && { SchedulingPolicy: schedulingPolicy(pipelines, settings) }),
      ...Object.fromEntries(queues.map(queue => [queue.id, jobQueue(queue, settings)])),
      ...Object.assign({}, ...pipelines.map(pipeline => ofPipeline(pipeline, settings))),
      ...submitters,
      ...jobRules(queues),
      ...(pipelines.some(({ job }) => job.nodes !== undefined) && betweenNodes(settings)),
    },
    Outputs: {
      JobPrefix: { Value: settings.jobPrefix },
      FairShare: { Value: String(settings.fairShare) },
    },
  }
}

/** Those that a queue names: where all work is multi-node, nothing is on Spot. */
function environmentsOf(queues: readonly Queue[], settings: Settings): Record<string, Node> {
  const wanted = queues.map(({ fleet, onDemand }): [string, Fleet, boolean] => [
    environmentId(fleet, onDemand),
    fleet,
    onDemand,
  ])
  return Object.fromEntries(
    wanted.map(([id, fleet, onDemand]) => [id, computeEnvironment(fleet, onDemand, settings)]),
  )
}

function ofPipeline(pipeline: Pipeline, settings: Settings): Record<string, Node> {
  return {
    [executionRoleId(pipeline)]: executionRole(pipeline, settings),
    [jobRoleId(pipeline)]: jobRole(pipeline),
    [definitionId(pipeline)]: jobDefinition(pipeline, settings),
  }
}

/** Nodes of one job speak to each other, by any port; from outside still nothing comes in. */
function betweenNodes({ network }: Settings): Record<string, Node> {
  if (network.kind === 'existing') return {}
  const group = ref('SecurityGroup')
  const every = { GroupId: group, IpProtocol: '-1', Description: 'Between the nodes of a job' }
  return {
    NodesIngress: {
      Type: 'AWS::EC2::SecurityGroupIngress',
      Properties: { ...every, SourceSecurityGroupId: group },
    },
    NodesEgress: {
      Type: 'AWS::EC2::SecurityGroupEgress',
      Properties: { ...every, DestinationSecurityGroupId: group },
    },
  }
}

function refuseTooMany(what: string, count: number, max: number): void {
  if (count <= max) return
  throw new MillraceError('CONFIG_INVALID', `These pipelines need ${count} ${what}; AWS has at most ${max}`, {
    remedy:
      'Let more of them share instances (leave job.instances out), a queue, or put some on another stage.',
  })
}
