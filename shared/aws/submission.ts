/** A job in SubmitJob's words. Pure. */
import type { ContainerOverrides, JobDependency, SubmitJobCommandInput } from '@aws-sdk/client-batch'
import type { JobRequest } from '../ports.ts'

export function submission(request: JobRequest): SubmitJobCommandInput {
  const { name, queue, definition, size, share } = request
  const dependsOn = dependenciesOf(request)
  return {
    jobName: name,
    jobQueue: queue,
    jobDefinition: definition,
    // Batch refuses an array of one: that is a plain job.
    ...(size === 1 ? {} : { arrayProperties: { size } }),
    ...(dependsOn.length === 0 ? {} : { dependsOn }),
    ...overridesOf(request),
    ...(share && { shareIdentifier: share.identifier, schedulingPriorityOverride: share.priority }),
    timeout: { attemptDurationSeconds: request.timeoutSeconds },
  }
}

/** A plain job has no children that could wait for each other. */
function dependenciesOf({ size, sequential, after }: JobRequest): JobDependency[] {
  return [
    ...(sequential && size > 1 ? [{ type: 'SEQUENTIAL' as const }] : []),
    ...(after === undefined ? [] : [{ jobId: after }]),
  ]
}

function overridesOf(
  request: JobRequest,
): Pick<SubmitJobCommandInput, 'containerOverrides' | 'nodeOverrides'> {
  const { environment, vcpus, memoryMiB, nodes } = request
  const containerOverrides: ContainerOverrides = {
    environment: Object.entries(environment).map(([name, value]) => ({ name, value })),
    resourceRequirements: [
      { type: 'VCPU', value: String(vcpus) },
      { type: 'MEMORY', value: String(memoryMiB) },
    ],
  }
  if (nodes === undefined) return { containerOverrides }
  return {
    nodeOverrides: { numNodes: nodes, nodePropertyOverrides: [{ targetNodes: '0:', containerOverrides }] },
  }
}
