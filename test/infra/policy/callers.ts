/** Who calls, under which role, with which settings: as the packaged template says. */
import { type Config, configFrom } from '../../../shared/config.ts'
import { functionNames } from '../../../shared/vocabulary.ts'
import { at, idOf, type Node, ofType, resource, type Template } from '../packaged.ts'
import { resolved } from './resolve.ts'

export interface Caller {
  /** The logical id of its role. */
  role: string
  config: Config
}

export const functionId = (name: string): string => `${name[0]?.toUpperCase()}${name.slice(1)}LambdaFunction`

/** A worker under the role of its pipeline. */
export const workerOf = (pipeline: string): string => `worker of ${pipeline}`

/** By a function's name, or `workerOf`. */
export function callersIn(template: Template): Map<string, Caller> {
  const callers = new Map<string, Caller>()
  for (const name of functionNames) {
    const declared = resource(template, functionId(name), 'AWS::Lambda::Function')
    const variables = resolved(at(declared, 'Environment.Variables'), template) as Record<string, string>
    callers.set(name, { role: idOf(declared.Role), config: configFrom(variables) })
  }
  for (const [, { Properties }] of ofType(template, 'AWS::Batch::JobDefinition')) {
    const container = containerOf(Properties)
    const set = resolved(container.Environment, template) as { Name: string; Value: string }[]
    const variables = Object.fromEntries(set.map(({ Name, Value }) => [Name, Value]))
    callers.set(workerOf(String(at(Properties, 'Tags.pipeline'))), {
      role: idOf(container.JobRoleArn),
      config: configFrom(variables),
    })
  }
  return callers
}

/** Of a multi-node job the one that all its nodes run. */
export function containerOf(definition: Node): Node {
  const nodes = at(definition, 'NodeProperties.NodeRangeProperties.0.Container')
  return (definition.ContainerProperties ?? nodes) as Node
}
