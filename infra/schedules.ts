/** Ticks of the pipelines' schedules: EventBridge Scheduler puts them on our bus. Pure. */
import { createHash } from 'node:crypto'
import type { Pipeline } from '../shared/pipeline.ts'
import { EventType, ownSource } from '../shared/vocabulary.ts'

type Node = Readonly<Record<string, unknown>>

/** A tick that is later than this is left to the next one, which takes what it would have taken. */
const deliveryAgeSecondsMax = 3600
const deliveryRetriesMax = 20
/** Scheduler's limit of a name. */
const nameCharactersMax = 64

/**
 * A schedule for each pipeline that has one, the role by which they put their ticks on the bus, and what `partition`
 * needs for them; by logical id. None where no pipeline has a schedule.
 */
export function scheduleResources(pipelines: readonly Pipeline[], stage: string): Record<string, Node> {
  const schedules = pipelines.flatMap(pipeline => scheduleOf(pipeline, stage))
  if (schedules.length === 0) return {}
  return { ...Object.fromEntries(schedules), TicksRole: ticksRole, TicksPolicy: ticksPolicy }
}

function scheduleOf({ name, source: { schedule } }: Pipeline, stage: string): [string, Node][] {
  if (schedule === undefined) return []
  const properties = {
    Name: scheduleName(stage, name),
    Description: `A tick of the pipeline ${name}: what has come becomes one run`,
    ScheduleExpression: schedule.expression,
    ScheduleExpressionTimezone: schedule.timezone,
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: {
      Arn: attribute('Bus', 'Arn'),
      RoleArn: attribute('TicksRole', 'Arn'),
      EventBridgeParameters: { DetailType: EventType.scheduleDue, Source: ownSource },
      Input: JSON.stringify({ pipeline: name, scheduledAt: '<aws.scheduler.scheduled-time>' }),
      RetryPolicy: {
        MaximumEventAgeInSeconds: deliveryAgeSecondsMax,
        MaximumRetryAttempts: deliveryRetriesMax,
      },
      DeadLetterConfig: { Arn: attribute('FunctionsDlq', 'Arn') },
    },
  }
  return [[scheduleId(name), { Type: 'AWS::Scheduler::Schedule', Properties: properties }]]
}

/** Letters and digits are all that an id may have; no two names give the same. */
function scheduleId(pipeline: string): string {
  return `Schedule${pipeline.charAt(0).toUpperCase()}${pipeline.slice(1).replaceAll('-', 'Dash')}`
}

/** `millrace-<stage>_<pipeline>-schedule`, by `_` as a job definition's; hashed behind the stage where that is too long. */
function scheduleName(stage: string, pipeline: string): string {
  const name = `millrace-${stage}_${pipeline}-schedule`
  if (name.length <= nameCharactersMax) return name
  const mark = createHash('sha256').update(name).digest('hex').slice(0, 32)
  return `${`millrace-${stage}`.slice(0, nameCharactersMax - mark.length - 1)}-${mark}`
}

const attribute = (id: string, name: string): Node => ({ 'Fn::GetAtt': [id, name] })

/** SQS asks KMS in the name of who sends to a queue, and of who reads the key of one. */
const throughQueues = {
  StringEquals: { 'kms:ViaService': { 'Fn::Sub': 'sqs.${AWS::Region}.amazonaws.com' } },
}

const ticksRole: Node = {
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'scheduler.amazonaws.com' },
          Action: 'sts:AssumeRole',
          Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
        },
      ],
    },
    Policies: [
      {
        PolicyName: 'tick',
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            { Effect: 'Allow', Action: 'events:PutEvents', Resource: attribute('Bus', 'Arn') },
            { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: attribute('FunctionsDlq', 'Arn') },
            {
              Effect: 'Allow',
              Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
              Resource: attribute('Key', 'Arn'),
              Condition: throughQueues,
            },
          ],
        },
      },
    ],
  },
}

/** A tick asks which lists of objects have been loaded: these have no entries in the ledger. */
const ticksPolicy: Node = {
  Type: 'AWS::IAM::Policy',
  Properties: {
    PolicyName: 'ticks',
    Roles: [{ Ref: 'PartitionRole' }],
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: 'dynamodb:Query',
          Resource: { 'Fn::Sub': '${Table.Arn}/index/pipeline' },
        },
      ],
    },
  },
}
