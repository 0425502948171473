/** What CloudFormation would ask of a service for a resource of the packaged template, as its SDK client asks. */
import type { RegisterJobDefinitionCommandInput } from '@aws-sdk/client-batch'
import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb'
import { type Node, resource, type Template } from '../packaged.ts'
import { resolved } from '../policy/resolve.ts'

/** Of the table's, what CreateTable takes of them; the others are calls of their own. */
const ofCreateTable = ['BillingMode', 'AttributeDefinitions', 'KeySchema', 'GlobalSecondaryIndexes']

export function createTable(template: Template): (name: string) => CreateTableCommandInput {
  const properties = resource(template, 'Table', 'AWS::DynamoDB::Table')
  const asked = ofCreateTable.map(name => [name, resolved(properties[name], template)])
  return TableName => ({ ...Object.fromEntries(asked), TableName }) as CreateTableCommandInput
}

/** Keys of these are the user's own words, or Docker's. */
const plainMaps = ['Tags', 'Parameters', 'Options']

/** The SDK begins a name with a small letter where CloudFormation begins it with a capital. */
export function registerJobDefinition(id: string, template: Template): RegisterJobDefinitionCommandInput {
  const properties = resolved(resource(template, id, 'AWS::Batch::JobDefinition'), template)
  return small(properties) as RegisterJobDefinitionCommandInput
}

function small(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(small)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value as Node).map(([name, one]) => [
    `${name[0]?.toLowerCase()}${name.slice(1)}`,
    plainMaps.includes(name) ? one : small(one),
  ])
  return Object.fromEntries(entries)
}
