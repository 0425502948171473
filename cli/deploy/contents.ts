/** What a template makes, in the groups in which a person asks for it. Pure. */
import { madeResources, type Resource, type Template } from './template.ts'

export interface Group {
  group: string
  /** Logical ids, by type; a type's own name without `AWS::`. */
  types: Record<string, string[]>
  count: number
}

/** By the beginning of the type; the first that fits. */
const groups: readonly (readonly [string, RegExp])[] = [
  ['functions', /^AWS::Lambda::/],
  ['buckets', /^AWS::S3::/],
  ['table', /^AWS::DynamoDB::/],
  ['queues', /^AWS::SQS::/],
  ['events and schedules', /^AWS::(Events|Scheduler)::/],
  ['Batch', /^AWS::(Batch::|EC2::(LaunchTemplate|PlacementGroup))/],
  ['network', /^AWS::EC2::/],
  ['roles', /^AWS::IAM::/],
  ['key', /^AWS::(KMS|SecretsManager)::/],
  ['image', /^AWS::(ECR|CodeBuild)::/],
  ['alarms and dashboard', /^AWS::(CloudWatch|SNS)::/],
  ['logs', /^AWS::Logs::/],
]

/** What stays behind when the stack is removed. */
export function keptResources(template: Template): string[] {
  return madeResources(template)
    .filter(([, { DeletionPolicy }]) => DeletionPolicy?.startsWith('Retain'))
    .map(([id]) => id)
}

export function contentsOf(...templates: Template[]): Group[] {
  const made = templates.flatMap(madeResources)
  return [...groups.map(([group]) => group), 'others'].flatMap(group => {
    const members = made.filter(([, { Type }]) => groupOf(Type) === group)
    return members.length === 0 ? [] : [{ group, types: byType(members), count: members.length }]
  })
}

function groupOf(type: string): string {
  return groups.find(([, pattern]) => pattern.test(type))?.[0] ?? 'others'
}

function byType(members: [string, Resource][]): Record<string, string[]> {
  const types: Record<string, string[]> = {}
  for (const [id, { Type }] of members) {
    const type = Type.replace('AWS::', '')
    types[type] = [...(types[type] ?? []), id]
  }
  return types
}
