/** The packaged template with every reference filled in, as CloudFormation would in one made-up account. */
import { at, type Node, type Template } from '../packaged.ts'

export const account = '123456789012'
export const region = 'us-east-1'

const noValue = Symbol('AWS::NoValue')
const pseudo: Readonly<Record<string, unknown>> = {
  'AWS::AccountId': account,
  'AWS::Region': region,
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
  'AWS::StackName': 'millrace-dev',
  'AWS::NoValue': noValue,
}
/** Where a resource says its own name. */
const naming = [
  'BucketName',
  'TableName',
  'QueueName',
  'Name',
  'JobQueueName',
  'JobDefinitionName',
  'FunctionName',
  'LogGroupName',
  'RepositoryName',
  'TopicName',
  'AlarmName',
  'RoleName',
  'KeyId',
]

export const arnOf = (service: string, resource: string): string =>
  `arn:aws:${service}:${region}:${account}:${resource}`

/** By the type: its ARN, of its name. */
const arns: Readonly<Record<string, (name: string) => string>> = {
  'AWS::S3::Bucket': name => `arn:aws:s3:::${name}`,
  'AWS::SQS::Queue': name => arnOf('sqs', name),
  'AWS::SNS::Topic': name => arnOf('sns', name),
  'AWS::DynamoDB::Table': name => arnOf('dynamodb', `table/${name}`),
  'AWS::Events::EventBus': name => arnOf('events', `event-bus/${name}`),
  'AWS::Batch::JobQueue': name => arnOf('batch', `job-queue/${name}`),
  'AWS::Batch::JobDefinition': name => arnOf('batch', `job-definition/${name}:1`),
  'AWS::Lambda::Function': name => arnOf('lambda', `function:${name}`),
  'AWS::Logs::LogGroup': name => arnOf('logs', `log-group:${name}:*`),
  'AWS::ECR::Repository': name => arnOf('ecr', `repository/${name}`),
  'AWS::IAM::Role': name => `arn:aws:iam::${account}:role/${name}`,
  'AWS::KMS::Key': name => arnOf('kms', `key/${name}`),
  'AWS::CloudWatch::Alarm': name => arnOf('cloudwatch', `alarm:${name}`),
}
/** Of these `Ref` is no name. */
const refs: Readonly<Record<string, (name: string) => string>> = {
  'AWS::SNS::Topic': name => arnOf('sns', name),
  'AWS::SQS::Queue': name => `https://sqs.${region}.amazonaws.com/${account}/${name}`,
  'AWS::Batch::JobQueue': name => arnOf('batch', `job-queue/${name}`),
  'AWS::Batch::JobDefinition': name => arnOf('batch', `job-definition/${name}:1`),
}

/** Errors: names what this template uses and is not known here. */
export function resolved(value: unknown, template: Template): unknown {
  if (Array.isArray(value)) return value.map(one => resolved(one, template)).filter(one => one !== noValue)
  if (typeof value !== 'object' || value === null) return value
  const [[name, argument] = ['', undefined], ...more] = Object.entries(value)
  const intrinsic = more.length === 0 ? intrinsics[name] : undefined
  if (intrinsic) return intrinsic(argument, template)
  if (name.startsWith('Fn::')) throw new Error(`${name} is not known to the policy checker`)
  const entries = Object.entries(value).map(([inner, one]) => [inner, resolved(one, template)])
  return Object.fromEntries(entries.filter(([, one]) => one !== noValue))
}

const intrinsics: Readonly<Record<string, (argument: unknown, template: Template) => unknown>> = {
  Ref: (id, template) => refOf(String(id), template),
  'Fn::GetAtt': (argument, template) => {
    const [id, attribute] = argument as [string, string]
    return attributeOf(id, attribute, template)
  },
  'Fn::Sub': (argument, template) => {
    const [text, given] = [argument].flat() as [string, Node | undefined]
    return text.replace(/\$\{([^}!]+)\}/g, (_, name: string) => {
      if (given && name in given) return String(resolved(given[name], template))
      const [id = '', ...attribute] = name.split('.')
      return String(
        attribute.length > 0 ? attributeOf(id, attribute.join('.'), template) : refOf(id, template),
      )
    })
  },
  'Fn::Join': (argument, template) => {
    const [separator, parts] = resolved(argument, template) as [string, string[]]
    return parts.join(separator)
  },
  'Fn::If': (argument, template) => {
    const [condition, yes, no] = argument as [string, unknown, unknown]
    return resolved(resolved(template.Conditions[condition], template) === true ? yes : no, template)
  },
  'Fn::Equals': (argument, template) => {
    const [left, right] = resolved(argument, template) as unknown[]
    return left === right
  },
  'Fn::Not': (argument, template) => (resolved(argument, template) as unknown[])[0] !== true,
  'Fn::And': (argument, template) => (resolved(argument, template) as unknown[]).every(one => one === true),
  'Fn::Or': (argument, template) => (resolved(argument, template) as unknown[]).some(one => one === true),
  Condition: (name, template) => resolved(template.Conditions[String(name)], template),
}

function refOf(id: string, template: Template): unknown {
  if (id in pseudo) return pseudo[id]
  const type = typeOf(id, template)
  const name = nameOf(id, template)
  return refs[type]?.(name) ?? name
}

function attributeOf(id: string, attribute: string, template: Template): unknown {
  const type = typeOf(id, template)
  const name = nameOf(id, template)
  if (attribute.endsWith('Name')) return name
  if (attribute === 'RepositoryUri') return `${account}.dkr.ecr.${region}.amazonaws.com/${name}`
  const arn = /^(Arn|JobQueueArn|TopicArn)$/.test(attribute) ? arns[type]?.(name) : undefined
  if (arn === undefined) throw new Error(`${id}.${attribute} of ${type} is not known to the policy checker`)
  return arn
}

function typeOf(id: string, template: Template): string {
  const type = template.Resources[id]?.Type
  if (type === undefined) throw new Error(`there is no ${id}`)
  return type
}

/** What its properties say, else one that CloudFormation might make up. */
export function nameOf(id: string, template: Template): string {
  const properties = template.Resources[id]?.Properties ?? {}
  const own = naming.map(property => at(properties, property)).find(value => value !== undefined)
  return own === undefined ? `made-up-${id.toLowerCase()}` : String(resolved(own, template))
}
