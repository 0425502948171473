/** What each role may do, action by action: a change here is a change of what a stolen credential can do. */
const traced = ['xray:PutTelemetryRecords', 'xray:PutTraceSegments']
const logged = ['logs:CreateLogStream', 'logs:PutLogEvents']
const records = ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem']
const polled = ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage']
const wait = ['iam:PassRole', 'scheduler:CreateSchedule']
const askBatch = ['batch:DescribeJobs', 'batch:ListJobs']
const marks = ['dynamodb:GetItem', 'dynamodb:UpdateItem']
const everyFunction = [...traced, ...logged, 'kms:Decrypt']
const direct = [...everyFunction, 'sqs:SendMessage', 'kms:GenerateDataKey']
const say = 'events:PutEvents'
const readState = ['s3:GetObject', 's3:ListBucket']
const onOutput = ['s3:DeleteObject', 's3:ListBucket', 's3:PutObject']
// The worker's
const onDrops = ['s3:GetObject', 's3:GetObjectVersion']
const onState = ['s3:GetObject', 's3:PutObject']
const writeOutput = ['s3:AbortMultipartUpload', 's3:DeleteObject', 's3:GetObject', 's3:PutObject']

const unsorted: Record<string, string[]> = {
  PartitionRole: [
    ...everyFunction,
    ...records,
    say,
    ...polled,
    ...onDrops,
    ...onState,
    's3:ListBucket',
    'kms:GenerateDataKey',
    ...wait,
  ],
  SubmitRole: [
    ...direct,
    ...marks,
    say,
    ...readState,
    ...wait,
    ...askBatch,
    'batch:SubmitJob',
    'batch:TerminateJob',
  ],
  TrackRole: [...everyFunction, ...marks, say, ...polled, ...readState, ...askBatch, 'batch:TerminateJob'],
  SettleRole: [
    ...direct,
    ...records,
    say,
    ...wait,
    ...askBatch,
    'batch:TerminateJob',
    ...readState,
    's3:PutObject',
    's3:DeleteObject',
    // Once for objects, once for messages.
    'kms:GenerateDataKey',
    ...onOutput,
  ],
  NotifyRole: [...direct, ...marks, 'dynamodb:Query', ...readState, 'secretsmanager:GetSecretValue'],
  // Queries the table, and its indexes.
  ReconcileRole: [
    ...direct,
    ...records,
    'dynamodb:Query',
    say,
    ...readState,
    ...askBatch,
    'batch:TerminateJob',
  ],
  SchedulerRole: ['events:PutEvents'],
  ReconcileScheduleRole: ['lambda:InvokeFunction', 'sqs:SendMessage', 'kms:Decrypt', 'kms:GenerateDataKey'],
  InstanceRole: [],
  ExecutionRole: [
    ...logged,
    'ecr:GetAuthorizationToken',
    'ecr:BatchCheckLayerAvailability',
    'ecr:BatchGetImage',
    'ecr:GetDownloadUrlForLayer',
  ],
  // Of each pipeline: flights is the one of this repository.
  JobRoleFlights: [
    ...onDrops,
    ...onState,
    's3:AbortMultipartUpload',
    ...writeOutput,
    's3:DeleteObject',
    // Of the drops, and below prefixes of the state.
    's3:ListBucket',
    's3:ListBucket',
    'dynamodb:GetItem',
    'dynamodb:UpdateItem',
    'kms:Decrypt',
    'kms:GenerateDataKey',
  ],
}

export const roleActions = Object.fromEntries(
  Object.entries(unsorted).map(([role, actions]) => [role, actions.toSorted()]),
)

/** Why each stands on `*`: there is no narrower resource. Source: the service authorization reference. */
const starReasons: Readonly<Record<string, string>> = {
  'batch:DescribeJobs': 'Batch has no resource for reading jobs',
  'batch:ListJobs': 'likewise',
  'ecr:GetAuthorizationToken': 'one token for the whole registry; what it may fetch is granted by repository',
  'xray:PutTelemetryRecords': 'X-Ray has no resource for what is sent to it',
  'xray:PutTraceSegments': 'likewise',
}

export const starResources = Object.keys(starReasons).toSorted()
