/** Job queues and job definitions of the template, in the words of Batch's API. */
import { isNode, type Node } from '../events/event-operators.ts'
import { resolve, type Template } from './intrinsics.ts'
import { nodeOf } from './template.ts'
import type { JobDefinitionWiring, JobQueueWiring } from './wiring.ts'

/** Errors: CONFIG_INVALID where one refers to what is not there. */
export function jobQueuesOf(template: Template): JobQueueWiring[] {
  return ofType(template, 'AWS::Batch::JobQueue').map(([id, { JobQueueName, Priority }]) => ({
    name: String(resolve(JobQueueName, template, `${id}.JobQueueName`)),
    priority: Number(resolve(Priority, template, `${id}.Priority`)),
  }))
}

/** Errors: as of `jobQueuesOf`. */
export function jobDefinitionsOf(template: Template): JobDefinitionWiring[] {
  return ofType(template, 'AWS::Batch::JobDefinition').map(([id, properties]) => {
    const local = (node: Node, name: string): unknown => small(resolve(node[name], template, `${id}.${name}`))
    const container = nodeOf(containerOf(properties), id)
    const nodes = isNode(properties.NodeProperties) ? Number(properties.NodeProperties.NumNodes) : undefined
    const given = ['RetryStrategy', 'Timeout', 'PlatformCapabilities'].filter(name => name in properties)
    return {
      ...Object.fromEntries(given.map(name => [smallName(name), local(properties, name)])),
      jobDefinitionName: String(local(properties, 'JobDefinitionName')),
      propagateTags: properties.PropagateTags === true,
      // Their names are the user's.
      tags: resolve(properties.Tags ?? {}, template, `${id}.Tags`) as Record<string, string>,
      environment: local(container, 'Environment') as JobDefinitionWiring['environment'],
      resourceRequirements: local(
        container,
        'ResourceRequirements',
      ) as JobDefinitionWiring['resourceRequirements'],
      ...(container.Secrets === undefined
        ? {}
        : { secrets: local(container, 'Secrets') as NonNullable<JobDefinitionWiring['secrets']> }),
      ...(nodes === undefined ? {} : { nodes }),
    }
  })
}

/** There is one machine: all nodes of a multi-node job are it. */
function containerOf(properties: Node): unknown {
  const ranges = isNode(properties.NodeProperties) ? properties.NodeProperties.NodeRangeProperties : []
  const [range] = Array.isArray(ranges) ? (ranges as Node[]) : []
  return properties.ContainerProperties ?? range?.Container
}

function ofType(template: Template, type: string): [string, Node][] {
  return Object.entries(template.resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([id, resource]) => [id, resource.Properties])
}

/** CloudFormation begins a name with a capital where the API begins it with a small letter. */
function small(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(small)
  if (!isNode(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [smallName(name), small(one)]))
}

const smallName = (name: string): string => `${name.charAt(0).toLowerCase()}${name.slice(1)}`
