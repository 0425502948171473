/**
 * What IAM asks of the caller of each SDK command that this project sends. Source: the service authorization
 * reference, and each operation's own page.
 */
import { arnOf } from './resolve.ts'
import type { Need } from './statements.ts'

type Input = Readonly<Record<string, unknown>>
type Needs = (input: Input) => Need[]

/** Errors: a command that is not known here, so that a new one cannot go unjudged. */
export function needsOf(command: string, input: object): Need[] {
  const needs = commands[command]
  if (needs === undefined) throw new Error(`${command} is not known to the policy checker`)
  return needs(input as Input)
}

const bucketArn = ({ Bucket }: Input): string => `arn:aws:s3:::${Bucket}`
const objectArn = (input: Input, key = input.Key): string => `${bucketArn(input)}/${key}`
const onObject =
  (action: string): Needs =>
  input => [{ action, resource: objectArn(input) }]
/** Whoever names a version needs the other permission, and not this one. */
const reading: Needs = input =>
  onObject(input.VersionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion')(input)
const writing = onObject('s3:PutObject')

/** Of what S3 says is not there: who may not list is told 403 instead. */
export const findingNothing: Needs = input => [{ action: 's3:ListBucket', resource: bucketArn(input) }]

const onTable =
  (action: string): Needs =>
  ({ TableName, IndexName, Key }) => [
    {
      action: `dynamodb:${action}`,
      ...(Key !== undefined && { context: { 'dynamodb:LeadingKeys': leadingKey(Key) } }),
      resource: arnOf(
        'dynamodb',
        `table/${TableName}${IndexName === undefined ? '' : `/index/${IndexName}`}`,
      ),
    },
  ]
/** Of the document client and of the plain one. */
function leadingKey(key: unknown): string {
  const { pk } = key as { pk: string | { S: string } }
  return typeof pk === 'string' ? pk : pk.S
}

const onBatch =
  (action: string): Needs =>
  () => [{ action: `batch:${action}`, resource: '*' }]
const onQueue =
  (action: string): Needs =>
  ({ QueueUrl }) => [
    { action: `sqs:${action}`, resource: arnOf('sqs', String(QueueUrl).split('/').at(-1) ?? '') },
  ]
const asArn = (service: string, kind: string, nameOrArn: unknown): string =>
  String(nameOrArn).startsWith('arn:') ? String(nameOrArn) : arnOf(service, `${kind}/${nameOrArn}`)

const commands: Readonly<Record<string, Needs>> = {
  HeadObjectCommand: reading,
  GetObjectCommand: reading,
  PutObjectCommand: writing,
  CreateMultipartUploadCommand: writing,
  UploadPartCommand: writing,
  CompleteMultipartUploadCommand: writing,
  AbortMultipartUploadCommand: onObject('s3:AbortMultipartUpload'),
  ListObjectsV2Command: input => [
    {
      action: 's3:ListBucket',
      resource: bucketArn(input),
      ...(input.Prefix !== undefined && { context: { 's3:prefix': String(input.Prefix) } }),
    },
  ],
  DeleteObjectCommand: onObject('s3:DeleteObject'),
  DeleteObjectsCommand: input =>
    ((input.Delete as { Objects?: { Key?: string }[] }).Objects ?? []).map(({ Key }) => ({
      action: 's3:DeleteObject',
      resource: objectArn(input, Key),
    })),

  GetItemCommand: onTable('GetItem'),
  PutItemCommand: onTable('PutItem'),
  UpdateItemCommand: onTable('UpdateItem'),
  QueryCommand: onTable('Query'),

  // A name without a revision is authorised as it is written.
  SubmitJobCommand: ({ jobQueue, jobDefinition }) => [
    { action: 'batch:SubmitJob', resource: asArn('batch', 'job-queue', jobQueue) },
    { action: 'batch:SubmitJob', resource: asArn('batch', 'job-definition', jobDefinition) },
  ],
  TerminateJobCommand: ({ jobId }) => [
    { action: 'batch:TerminateJob', resource: arnOf('batch', `job/${jobId}`) },
  ],
  DescribeJobsCommand: onBatch('DescribeJobs'),
  ListJobsCommand: onBatch('ListJobs'),

  PutEventsCommand: ({ Entries }) =>
    (Entries as Input[]).map(({ EventBusName = 'default' }) => ({
      action: 'events:PutEvents',
      resource: asArn('events', 'event-bus', EventBusName),
    })),
  CreateScheduleCommand: ({ Name, GroupName = 'default', Target }) => [
    { action: 'scheduler:CreateSchedule', resource: arnOf('scheduler', `schedule/${GroupName}/${Name}`) },
    {
      action: 'iam:PassRole',
      resource: String((Target as Input).RoleArn),
      context: { 'iam:PassedToService': 'scheduler.amazonaws.com' },
    },
  ],

  // Secrets Manager ends every ARN in six characters of its own.
  GetSecretValueCommand: ({ SecretId }) => [
    {
      action: 'secretsmanager:GetSecretValue',
      resource: asArn('secretsmanager', 'secret', SecretId).replace('secret/', 'secret:').concat('-AbCdEf'),
    },
  ],

  SendMessageCommand: onQueue('SendMessage'),
  ReceiveMessageCommand: onQueue('ReceiveMessage'),
  DeleteMessageCommand: onQueue('DeleteMessage'),
  ChangeMessageVisibilityBatchCommand: onQueue('ChangeMessageVisibility'),
  ListDeadLetterSourceQueuesCommand: onQueue('ListDeadLetterSourceQueues'),
}
