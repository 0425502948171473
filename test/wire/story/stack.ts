/**
 * The packaged template as a stack in moto's CloudFormation: as it is, but for what moto cannot do with it. Whatever is
 * listed here is tried without its place in the list too (stack.test.ts), so that the lists say what is so.
 */
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
  ListStacksCommand,
  paginateListStackResources,
} from '@aws-sdk/client-cloudformation'
import { at, type Node, type Template } from '../../infra/packaged.ts'
import { resolved } from '../../infra/policy/resolve.ts'
import { credentials, region } from '../servers.ts'

/** What else is made of the template before moto takes it, each with its reason. */
export interface Fitting {
  reason: string
  /** Of these types nothing is left; what refers to them is answered with what they would be. */
  without?: readonly string[]
  /** What refers to these by `Ref` is answered likewise. */
  answered?: readonly string[]
  /** Where that property is not given. */
  given?: { type: string; property: string; value: unknown }
  /** Stays behind when the stack is deleted. */
  kept?: readonly string[]
}

export const fittings: Readonly<Record<string, Fitting & { neededFor: 'create' | 'delete' }>> = {
  'no compute environment, no job queue': {
    reason: 'moto 5.2.5 demands a ServiceRole, which AWS has not asked for since the service-linked role',
    without: ['AWS::Batch::ComputeEnvironment', 'AWS::Batch::JobQueue'],
    neededFor: 'create',
  },
  'no alarm': {
    reason: 'moto 5.2.5 makes no alarm of a stack, and so has no Arn for the dashboard',
    without: ['AWS::CloudWatch::Alarm'],
    neededFor: 'create',
  },
  'the bus by its name': {
    reason: 'moto 5.2.5 answers a Ref to a bus with no name',
    answered: ['AWS::Events::EventBus'],
    neededFor: 'create',
  },
  'policies and their roles stay': {
    reason: 'moto 5.2.5 takes no managed policy off its roles when it deletes it, and then deletes neither',
    kept: ['AWS::IAM::ManagedPolicy', 'AWS::IAM::Role'],
    neededFor: 'delete',
  },
  'the network stays': {
    reason: 'moto 5.2.5 deletes no route table of a stack, and without that no network',
    kept: ['AWS::EC2::VPC'],
    neededFor: 'delete',
  },
}

/** Only where events are to come to the queues of the stack. */
export const servedByUs: Fitting = {
  reason: 'moto 5.2.5 would run the functions in a container engine',
  without: ['AWS::Lambda::EventSourceMapping'],
}

/** Passed over by moto 5.2.5 without a word: these types are in no stack of its. */
export const passedOver: readonly string[] = [
  'AWS::Lambda::EventInvokeConfig',
  'AWS::S3::BucketPolicy',
  'AWS::SNS::Subscription',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::QueuePolicy',
  'AWS::Scheduler::Schedule',
]

export interface Stack {
  /** What was asked for, every resource by the name that it was given. */
  template: Template
  /** What moto has, by logical id; empty where it has no name for it. */
  physicalIds: ReadonlyMap<string, string>
  outputs: Readonly<Record<string, string>>
  /** Errors: whatever moto says; what is to be kept is. */
  remove(): Promise<void>
}

/** Errors: whatever moto says, in whatever form: its own errors are no errors of CloudFormation. */
export async function createStack(
  url: string,
  template: Template,
  fits: Readonly<Record<string, Fitting>> = fittings,
): Promise<Stack> {
  const client = new CloudFormationClient({ region, credentials, endpoint: url, maxAttempts: 1 })
  const TemplateBody = JSON.stringify(Object.values(fits).reduce(fitted, template))
  const asked = { StackName: 'millrace-dev', TemplateBody, Capabilities: ['CAPABILITY_IAM' as const] }
  const { StackId: StackName = '' } = await client.send(new CreateStackCommand(asked)).catch(inItsWords)
  const describe = async () => (await client.send(new DescribeStacksCommand({ StackName }))).Stacks?.[0]
  const { StackStatus, Outputs = [] } = (await describe()) ?? {}
  if (StackStatus !== 'CREATE_COMPLETE') throw new Error(`the stack is ${StackStatus}`)
  const physicalIds = new Map<string, string>()
  for await (const page of paginateListStackResources({ client }, { StackName })) {
    for (const { LogicalResourceId, PhysicalResourceId = '', ResourceType } of page.StackResourceSummaries ??
      []) {
      if (ResourceType !== undefined) physicalIds.set(LogicalResourceId ?? '', PhysicalResourceId)
    }
  }
  return {
    template: named(template, physicalIds),
    physicalIds,
    outputs: Object.fromEntries(
      Outputs.map(({ OutputKey, OutputValue }) => [String(OutputKey), String(OutputValue)]),
    ),
    remove: async () => {
      await client.send(new DeleteStackCommand({ StackName }))
      // Not by its description: moto makes what the outputs refer to anew.
      const { StackSummaries = [] } = await client.send(new ListStacksCommand({}))
      const status = StackSummaries.find(one => one.StackId === StackName)?.StackStatus
      if (status !== 'DELETE_COMPLETE') throw new Error(`the stack is ${status}`)
    },
  }
}

/** An error of the service that moto met within is in that service's words, which are no XML. */
function inItsWords(error: Error & { $response?: { body?: unknown } }): never {
  const said = error.$response?.body
  throw typeof said === 'string' ? new Error(said.slice(0, 1000), { cause: error }) : error
}

function fitted(template: Template, fitting: Fitting): Template {
  const { without = [], answered = [], given, kept = [] } = fitting
  const idsOf = (types: readonly string[]): string[] =>
    Object.keys(template.Resources).filter(id => types.includes(template.Resources[id]?.Type ?? ''))
  const gone = idsOf(without)
  const known = idsOf(answered)
  const isAnswered = (id: string, attribute?: string): boolean =>
    gone.includes(id) || (known.includes(id) && attribute === undefined)
  const resources = Object.entries(template.Resources).filter(([id]) => !gone.includes(id))
  const changed = resources.map(([id, resource]) => [
    id,
    {
      ...resource,
      ...(resource.DependsOn === undefined
        ? {}
        : { DependsOn: [resource.DependsOn].flat().filter(one => !gone.includes(one)) }),
      // moto 5.2.5 does not know RetainExceptOnCreate, which after the stack was made is the same.
      ...(kept.includes(resource.Type) || resource.DeletionPolicy === 'RetainExceptOnCreate'
        ? { DeletionPolicy: 'Retain' }
        : {}),
      Properties: {
        ...(given?.type === resource.Type ? { [given.property]: given.value } : {}),
        ...(answers(resource.Properties, template, isAnswered) as Node),
      },
    },
  ])
  const Outputs = answers(template.Outputs, template, isAnswered) as Template['Outputs']
  return { ...template, Resources: Object.fromEntries(changed), Outputs }
}

/** With the references answered that moto could not. */
function answers(
  value: unknown,
  template: Template,
  isAnswered: (id: string, attribute?: string) => boolean,
): unknown {
  if (Array.isArray(value)) return value.map(one => answers(one, template, isAnswered))
  if (typeof value !== 'object' || value === null) return value
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Sub': text } = value as Node
  if (typeof Ref === 'string' && isAnswered(Ref)) return resolved(value, template)
  if (Array.isArray(attribute) && isAnswered(attribute[0], attribute[1])) return resolved(value, template)
  if (typeof text === 'string') {
    const filled = text.replace(/\$\{([^}!]+)\}/g, (whole, name: string) => {
      const [id = '', of] = name.split('.')
      return isAnswered(id, of) ? String(resolved({ 'Fn::Sub': whole }, template)) : whole
    })
    return { 'Fn::Sub': filled }
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, answers(one, template, isAnswered)]),
  )
}

/** The property that says what CloudFormation named a thing that was given no name. */
const nameProperty: Readonly<Record<string, string>> = {
  'AWS::S3::Bucket': 'BucketName',
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::Events::Rule': 'Name',
  'AWS::IAM::Role': 'RoleName',
  'AWS::KMS::Key': 'KeyId',
}

function named(template: Template, physicalIds: ReadonlyMap<string, string>): Template {
  const resources = Object.entries(template.Resources).map(([id, resource]) => {
    const property = nameProperty[resource.Type]
    const physical = physicalIds.get(id)
    if (property === undefined || !physical || at(resource.Properties, property) !== undefined)
      return [id, resource]
    // A queue's is its URL.
    const name = physical.slice(physical.lastIndexOf('/') + 1)
    return [id, { ...resource, Properties: { ...resource.Properties, [property]: name } }]
  })
  return { ...template, Resources: Object.fromEntries(resources) }
}
