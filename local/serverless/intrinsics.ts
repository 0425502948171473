/** CloudFormation's functions, answered with what the local stack has in the place of each resource. */
import type { Config } from '../../shared/config.ts'
import { MillraceError } from '../../shared/errors.ts'
import { defaultBus, localAccount, localRegion } from '../events/envelope.ts'
import { isNode, type Node } from '../events/event-operators.ts'
import { Unresolved } from './variables.ts'

export interface Resource {
  Type: string
  Properties: Node
}

export interface Template {
  resources: Readonly<Record<string, Resource>>
  conditions: Readonly<Record<string, unknown>>
  config: Config
}

/** `where` names the place in the file for the error. Errors: CONFIG_INVALID. */
export function resolve(value: unknown, template: Template, where: string): unknown {
  if (value instanceof Unresolved) throw unresolvable(where, `${value.text} has no value on the local stage`)
  if (Array.isArray(value)) {
    return value
      .map((one, index) => resolve(one, template, `${where}[${index}]`))
      .filter(one => one !== noValue)
  }
  if (!isNode(value)) return value
  const [[name, argument] = ['', undefined], ...more] = Object.entries(value)
  const intrinsic = more.length === 0 && Object.hasOwn(intrinsics, name) ? intrinsics[name] : undefined
  if (intrinsic !== undefined) return intrinsic(argument, template, `${where}.${name}`)
  if (name.startsWith('Fn::')) throw unresolvable(where, `${name} is not known on the local stage`)
  const entries = Object.entries(value).map(([key, one]) => [key, resolve(one, template, `${where}.${key}`)])
  return Object.fromEntries(entries.filter(([, one]) => one !== noValue))
}

/** What `AWS::NoValue` leaves: the property is not there. */
export const noValue = Symbol('AWS::NoValue')

type Intrinsic = (argument: unknown, template: Template, where: string) => unknown

const intrinsics: Readonly<Record<string, Intrinsic>> = {
  Ref: (argument, template, where) => reference(textOf(argument, where), template, where),
  'Fn::GetAtt': (argument, template, where) => {
    const [id, attribute] = listOf(argument, where)
    return attributeOf(textOf(id, where), textOf(attribute, where), template, where)
  },
  'Fn::Sub': substitute,
  'Fn::Join': (argument, template, where) => {
    const [separator, parts] = listOf(resolve(argument, template, where), where)
    return listOf(parts, where).map(String).join(textOf(separator, where))
  },
  'Fn::Select': (argument, template, where) => {
    const [index, parts] = listOf(resolve(argument, template, where), where)
    return listOf(parts, where)[Number(index)]
  },
  'Fn::Split': (argument, template, where) => {
    const [separator, text] = listOf(resolve(argument, template, where), where)
    return textOf(text, where).split(textOf(separator, where))
  },
  'Fn::If': (argument, template, where) => {
    const [condition, yes, no] = listOf(argument, where)
    return resolve(holds(textOf(condition, where), template, where) ? yes : no, template, where)
  },
  Condition: (argument, template, where) => holds(textOf(argument, where), template, where),
  'Fn::Equals': (argument, template, where) => {
    const [left, right] = listOf(resolve(argument, template, where), where)
    return left === right
  },
  'Fn::Not': (argument, template, where) => listOf(resolve(argument, template, where), where)[0] !== true,
  'Fn::And': (argument, template, where) => listOf(resolve(argument, template, where), where).every(isTrue),
  'Fn::Or': (argument, template, where) => listOf(resolve(argument, template, where), where).some(isTrue),
}

const isTrue = (value: unknown): boolean => value === true

function holds(name: string, template: Template, where: string): boolean {
  if (!Object.hasOwn(template.conditions, name)) throw unresolvable(where, `there is no condition ${name}`)
  return resolve(template.conditions[name], template, `Conditions.${name}`) === true
}

function substitute(argument: unknown, template: Template, where: string): string {
  const [text, given] = Array.isArray(argument) ? argument : [argument, {}]
  const own = isNode(given) ? given : {}
  return textOf(text, where).replace(/\$\{(!?)([^}]+)\}/g, (_, escaped: string, name: string) => {
    if (escaped !== '') return `\${${name}}`
    if (Object.hasOwn(own, name)) return String(resolve(own[name], template, where))
    const [id = '', attribute] = name.includes('.') ? splitAtDot(name) : [name]
    if (attribute === undefined) return String(reference(id, template, where))
    return attributeOf(id, attribute, template, where)
  })
}

function splitAtDot(name: string): [string, string] {
  return [name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.') + 1)]
}

const pseudoParameters: Readonly<Record<string, unknown>> = {
  'AWS::Region': localRegion,
  'AWS::AccountId': localAccount,
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
  'AWS::StackName': 'millrace-local',
  'AWS::NoValue': noValue,
}

function reference(id: string, template: Template, where: string): unknown {
  if (Object.hasOwn(pseudoParameters, id)) return pseudoParameters[id]
  return localOf(id, template, where).ref
}

function attributeOf(id: string, attribute: string, template: Template, where: string): string {
  const value = localOf(id, template, where)[attribute]
  if (value === undefined) throw unresolvable(where, `${id} has no attribute ${attribute} on the local stage`)
  return value
}

/** `ref` and the attributes by their names. */
type LocalValues = Readonly<Record<string, string>>

function localOf(id: string, template: Template, where: string): LocalValues {
  const type = template.resources[id]?.Type
  if (type === undefined) throw unresolvable(where, `there is no resource ${id}`)
  const local = localValues[type]
  if (local === undefined)
    throw unresolvable(where, `${id} is an ${type}, which the local stage does not have`)
  return local(id, template)
}

const localValues: Readonly<Record<string, (id: string, template: Template) => LocalValues>> = {
  'AWS::S3::Bucket': (id, { config }) => {
    const known: Readonly<Record<string, string>> = {
      DropsBucket: config.buckets.drops,
      StateBucket: config.buckets.state,
      OutputBucket: config.buckets.output,
    }
    const name = known[id] ?? id.toLowerCase()
    return { ref: name, Arn: `arn:aws:s3:::${name}` }
  },
  'AWS::SQS::Queue': id => ({ ref: `https://sqs.local/${id}`, QueueName: id, Arn: arn('sqs', id) }),
  'AWS::Events::EventBus': (id, { config }) => {
    const name = id === 'Bus' ? config.bus : id
    return { ref: name, Name: name, Arn: arn('events', `event-bus/${name}`) }
  },
  'AWS::SNS::Topic': id => ({ ref: arn('sns', id) }),
  'AWS::Events::Rule': id => ({ ref: id, Arn: arn('events', `rule/${id}`) }),
  'AWS::DynamoDB::Table': (_, { config }) => ({
    ref: config.table,
    Arn: arn('dynamodb', `table/${config.table}`),
  }),
  'AWS::Batch::JobQueue': (id, template) => {
    const value = arn('batch', `job-queue/${nameIn(id, 'JobQueueName', template)}`)
    return { ref: value, JobQueueArn: value }
  },
  'AWS::Batch::JobDefinition': (id, template) => ({
    ref: arn('batch', `job-definition/${nameIn(id, 'JobDefinitionName', template)}:1`),
  }),
  'AWS::IAM::Role': id => ({ ref: id, Arn: `arn:aws:iam::${localAccount}:role/${id}` }),
}

function nameIn(id: string, property: string, template: Template): string {
  return textOf(
    resolve(template.resources[id]?.Properties[property], template, `${id}.${property}`),
    `${id}.${property}`,
  )
}

function arn(service: string, resource: string): string {
  return `arn:aws:${service}:${localRegion}:${localAccount}:${resource}`
}

/** `name` of either form of an event bus's name. */
export function busName(nameOrArn: string | undefined): string {
  return nameOrArn === undefined ? defaultBus : nameOrArn.slice(nameOrArn.lastIndexOf('/') + 1)
}

function textOf(value: unknown, where: string): string {
  if (typeof value !== 'string') throw unresolvable(where, 'must be text')
  return value
}

function listOf(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) throw unresolvable(where, 'must be a list')
  return value
}

function unresolvable(where: string, fault: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', `serverless.yml, ${where}: ${fault}`, {
    remedy: 'The local stack follows serverless.yml; write it so that this has a local value.',
  })
}
