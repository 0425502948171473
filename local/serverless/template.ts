/** The resources that serverless.yml declares and generates, with their intrinsics still in them. */
import { batchResources } from '../../infra/batch/resources.ts'
import { settingsFrom } from '../../infra/batch/settings.ts'
import { sourceBucketResources } from '../../infra/source-buckets.ts'
import type { Config } from '../../shared/config.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { isNode, type Node } from '../events/event-operators.ts'
import type { Resource, Template } from './intrinsics.ts'
import { Unresolved } from './variables.ts'

export function templateOf(root: Node, config: Config, pipelines: readonly Pipeline[]): Template {
  const resources: Record<string, Resource> = {}
  const conditions: Record<string, unknown> = {}
  const parts = Array.isArray(root.resources) ? root.resources : [root.resources ?? {}]
  for (const [index, declared] of parts.entries()) {
    const part = declared instanceof Unresolved ? generated(declared, root, config, pipelines) : declared
    if (part === undefined) continue
    const { Resources = {}, Conditions = {} } = nodeOf(part, `resources[${index}]`)
    Object.assign(conditions, Conditions)
    for (const [id, declared] of Object.entries(nodeOf(Resources, `resources[${index}].Resources`))) {
      const { Type, Properties } = nodeOf(declared, id)
      resources[id] = { Type: String(Type), Properties: isNode(Properties) ? Properties : {} }
    }
  }
  return { resources, conditions, config }
}

/** What infra/generated.ts makes of the built pipelines is made here of those that the stage has. */
function generated(
  { text }: Unresolved,
  root: Node,
  { stage }: Config,
  pipelines: readonly Pipeline[],
): Node | undefined {
  const [, what] = /^\$\{file\(\.\/infra\/generated\.js\):(\w+)\}$/.exec(text) ?? []
  if (what === 'sourceBuckets') return { Resources: sourceBucketResources(pipelines) }
  if (what !== 'batch') return undefined
  const params = nodeOf(root.params, 'params')
  const own = params[stage] === undefined ? {} : nodeOf(params[stage], `params.${stage}`)
  const settings = settingsFrom({ ...nodeOf(params.default, 'params.default'), ...own, stage })
  return { Resources: batchResources(pipelines, settings).Resources }
}

/** Errors: CONFIG_INVALID. */
export function nodeOf(value: unknown, where: string): Node {
  if (isNode(value) && !(value instanceof Unresolved)) return value
  const fault =
    value instanceof Unresolved ? `${value.text} has no value on the local stage` : 'must be a map'
  throw new MillraceError('CONFIG_INVALID', `serverless.yml, ${where}: ${fault}`)
}
