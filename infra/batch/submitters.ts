/** Who may submit which jobs: `submit`, those that are generated, and nothing else. Pure. */
import type { Pipeline } from '../../shared/pipeline.ts'
import { definitionName } from '../../shared/placement.ts'
import { arnOf, type Node, ref } from './cloudformation.ts'
import type { Queue } from './queues.ts'
import type { Settings } from './settings.ts'

/** A managed policy holds 6,144 characters, a role ten of them. What an Arn has before its last part is at most this. */
const policyCharactersMax = 5_500
const arnCharacters = 70
export const submitPoliciesMax = 10

/** By logical id. Batch asks for both the queue and the definition; a name without revision is its newest one. */
export function submitPolicies(
  pipelines: readonly Pipeline[],
  queues: readonly Queue[],
  settings: Settings,
): Record<string, Node> {
  const definitions = pipelines.map(({ name }) => `job-definition/${definitionName(settings, name)}`)
  const resources = [
    ...queues.map(({ name }) => `job-queue/${name}`),
    ...definitions.flatMap(definition => [definition, `${definition}:*`]),
  ]
  const chunks = chunked(resources, policyCharactersMax, text => text.length + arnCharacters)
  return Object.fromEntries(chunks.map((chunk, at) => [`SubmitJobsPolicy${at + 1}`, policyOf(chunk)]))
}

function policyOf(resources: string[]): Node {
  return {
    Type: 'AWS::IAM::ManagedPolicy',
    Properties: {
      Description: 'Jobs that the function submit may submit',
      Roles: [ref('SubmitRole')],
      PolicyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: 'batch:SubmitJob',
            Resource: resources.map(resource => arnOf('batch', resource)),
          },
        ],
      },
    },
  }
}

/** In order, each as full as it may be. */
export function chunked<Item>(items: readonly Item[], max: number, sizeOf: (item: Item) => number): Item[][] {
  const chunks: Item[][] = []
  let room = 0
  for (const item of items) {
    const chunk = room >= sizeOf(item) ? chunks.at(-1) : undefined
    if (chunk === undefined) {
      chunks.push([item])
      room = max - sizeOf(item)
    } else {
      chunk.push(item)
      room -= sizeOf(item)
    }
  }
  return chunks
}
