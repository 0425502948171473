/** What a resource has or does while nobody uses it, in units that have a price. Pure. */
import { hoursPerMonth, imagesGb, type PriceName, perTick } from './prices.ts'
import { at, idIn, lengthOf, type Node, type Resource, type Template } from './template.ts'

export interface Use {
  price: PriceName
  /** Per month. */
  units: number
}

type Meter = (properties: Node, template: Template) => Use[]

/** Lambda's pollers of a queue on which nothing arrives: five, each with a receive that waits for 20 s. */
const pollsPerHour = 5 * (3600 / 20)
/** Where the template does not say in how many zones. */
const zonesMost = 3
/** Reconcile tells that it ran; every other metric comes with work. */
const metricsAtRest = 1

const nothing: Meter = () => []
const each =
  (price: PriceName, units = 1): Meter =>
  () => [{ price, units }]

/** A type that is not here has no known price: it is never taken for free. */
const meters: Readonly<Record<string, Meter>> = {
  'AWS::Batch::ComputeEnvironment': properties => {
    const vcpus = number(at(properties, 'ComputeResources.MinvCpus'), 0)
    return vcpus === 0 ? [] : [{ price: 'vcpuHour', units: vcpus * hoursPerMonth }]
  },
  'AWS::Batch::JobDefinition': nothing,
  'AWS::Batch::JobQueue': nothing,
  'AWS::Batch::SchedulingPolicy': nothing,
  'AWS::CloudWatch::Alarm': ({ Metrics }) => {
    const queries = Array.isArray(Metrics) ? Metrics.filter(query => at(query, 'MetricStat')).length : 1
    return [{ price: 'alarm', units: Math.max(1, queries) }]
  },
  'AWS::CloudWatch::CompositeAlarm': each('compositeAlarm'),
  'AWS::CloudWatch::Dashboard': each('dashboard'),
  'AWS::CodeBuild::Project': nothing,
  'AWS::DynamoDB::Table': ({ BillingMode, ProvisionedThroughput }) =>
    BillingMode === 'PAY_PER_REQUEST'
      ? []
      : [
          { price: 'tableReadHour', units: hourly(at(ProvisionedThroughput, 'ReadCapacityUnits')) },
          { price: 'tableWriteHour', units: hourly(at(ProvisionedThroughput, 'WriteCapacityUnits')) },
        ],
  'AWS::EC2::EIP': each('addressHour', hoursPerMonth),
  'AWS::EC2::InternetGateway': nothing,
  'AWS::EC2::LaunchTemplate': nothing,
  'AWS::EC2::NatGateway': each('natHour', hoursPerMonth),
  'AWS::EC2::PlacementGroup': nothing,
  'AWS::EC2::Route': nothing,
  'AWS::EC2::RouteTable': nothing,
  'AWS::EC2::SecurityGroup': nothing,
  'AWS::EC2::SecurityGroupEgress': nothing,
  'AWS::EC2::SecurityGroupIngress': nothing,
  'AWS::EC2::Subnet': nothing,
  'AWS::EC2::SubnetRouteTableAssociation': nothing,
  'AWS::EC2::VPC': nothing,
  'AWS::EC2::VPCEndpoint': ({ VpcEndpointType, SubnetIds }, template) =>
    VpcEndpointType === undefined || VpcEndpointType === 'Gateway'
      ? []
      : [{ price: 'endpointHour', units: hoursPerMonth * lengthOf(SubnetIds, template, zonesMost) }],
  'AWS::EC2::VPCGatewayAttachment': nothing,
  'AWS::ECR::Repository': each('imageGb', imagesGb),
  'AWS::Events::EventBus': nothing,
  'AWS::Events::Rule': ({ ScheduleExpression, Targets }, template) =>
    ScheduleExpression === undefined ? [] : ticks(ScheduleExpression, at(Targets, '0.Arn'), template),
  'AWS::IAM::InstanceProfile': nothing,
  'AWS::IAM::ManagedPolicy': nothing,
  'AWS::IAM::Policy': nothing,
  'AWS::IAM::Role': nothing,
  'AWS::KMS::Alias': nothing,
  'AWS::KMS::Key': each('key'),
  'AWS::Lambda::Alias': ({ ProvisionedConcurrencyConfig }) =>
    ProvisionedConcurrencyConfig === undefined
      ? []
      : [
          {
            price: 'warmGbHour',
            units: hourly(at(ProvisionedConcurrencyConfig, 'ProvisionedConcurrentExecutions')),
          },
        ],
  'AWS::Lambda::EventInvokeConfig': nothing,
  'AWS::Lambda::EventSourceMapping': each('queueRequest', pollsPerHour * hoursPerMonth),
  'AWS::Lambda::Function': nothing,
  'AWS::Lambda::Permission': nothing,
  'AWS::Lambda::Url': nothing,
  'AWS::Lambda::Version': nothing,
  'AWS::Logs::LogGroup': nothing,
  'AWS::S3::Bucket': nothing,
  'AWS::S3::BucketPolicy': nothing,
  'AWS::SNS::Subscription': nothing,
  'AWS::SNS::Topic': nothing,
  'AWS::SNS::TopicPolicy': nothing,
  'AWS::SQS::Queue': nothing,
  'AWS::SQS::QueuePolicy': nothing,
  'AWS::Scheduler::Schedule': ({ ScheduleExpression, Target }, template) => [
    { price: 'scheduled', units: ticksPerMonth(String(ScheduleExpression)) },
    ...ticks(ScheduleExpression, at(Target, 'Arn'), template),
  ],
  'AWS::Scheduler::ScheduleGroup': nothing,
  'AWS::SecretsManager::Secret': each('secret'),
}

/** `undefined` where nobody knows. */
export function meterOf({ Type, Properties }: Resource, template: Template): Use[] | undefined {
  return meters[Type]?.(Properties ?? {}, template)
}

/** Each tick starts one function, whose log, traces and reads are paid for too. */
function ticks(expression: unknown, target: unknown, template: Template): Use[] {
  const units = ticksPerMonth(String(expression))
  const direct = template.Resources[idIn(target) ?? '']?.Properties
  const memoryMiB = number(direct?.MemorySize, 1024)
  return [
    { price: 'invocation', units },
    { price: 'gbSecond', units: units * perTick.seconds * (memoryMiB / 1024) },
    { price: 'tableRead', units: units * perTick.tableReads },
    { price: 'keyRequest', units: units * perTick.keyRequests },
    { price: 'logGb', units: units * perTick.logGb },
    { price: 'trace', units },
    ...(direct === undefined ? [] : [{ price: 'metric' as const, units: metricsAtRest }]),
  ]
}

const minutesIn: Readonly<Record<string, number>> = { minute: 1, hour: 60, day: 24 * 60 }

/** Of `rate(5 minutes)` exactly; of `cron(...)` as if every day were in it; `at(...)` ticks once. */
export function ticksPerMonth(expression: string): number {
  const [, every, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? []
  if (every !== undefined) return (hoursPerMonth * 60) / (Number(every) * (minutesIn[unit ?? ''] ?? 1))
  const [minutes, hours] = /^cron\((\S+) (\S+) /.exec(expression)?.slice(1) ?? []
  if (minutes === undefined || hours === undefined) return 1
  return countIn(minutes, 60) * countIn(hours, 24) * (hoursPerMonth / 24)
}

/** How many values a field of cron has: `0`, `0,30`, `9-17`, `0/15`, `*`. */
function countIn(field: string, all: number): number {
  return field
    .split(',')
    .map(part => {
      const [range = '', step] = part.split('/')
      const [first, last] = range.split('-').map(Number)
      const span = range === '*' ? all : last !== undefined && first !== undefined ? last - first + 1 : 1
      if (step === undefined) return span
      return Math.ceil((range.includes('-') ? span : all - (Number(range) || 0)) / Number(step))
    })
    .reduce((total, count) => total + count, 0)
}

function hourly(units: unknown): number {
  return number(units, 1) * hoursPerMonth
}

/** Numbers may be text; a Ref is not known. */
function number(value: unknown, otherwise: number): number {
  const found = Number(value)
  return value !== undefined && Number.isFinite(found) ? found : otherwise
}
