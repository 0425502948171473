/** What a pipeline's own jobs may do, and what may be done to start them. Pure. */
import type { Pipeline } from '../../shared/pipeline.ts'
import { literal, sourceBucketStatements } from '../source-buckets.ts'
import {
  arnOf,
  attribute,
  idOf,
  keysIn,
  type Node,
  roleOf,
  type Statement,
  sub,
  through,
} from './cloudformation.ts'
import { repositoryOf } from './image.ts'
import { secretStatements } from './secrets.ts'
import type { Settings } from './settings.ts'

const tasks = 'ecs-tasks.amazonaws.com'
export const sharedExecutionRole = 'ExecutionRole'

export const jobRoleId = ({ name }: Pipeline): string => `JobRole${idOf(name)}`

/** One for all that need no more than the stage's image; one for each with secrets or an image of its own. */
export function executionRoleId({ name, job }: Pipeline): string {
  const shared = job.image === undefined && Object.keys(job.secrets).length === 0
  return shared ? sharedExecutionRole : `${sharedExecutionRole}${idOf(name)}`
}

const allow = (actions: string[], resources: unknown[], condition?: Node): Statement => ({
  Effect: 'Allow',
  Action: actions,
  Resource: resources,
  ...(condition && { Condition: condition }),
})

export function executionRole(pipeline: Pipeline, settings: Settings): Node {
  const repository = repositoryOf(pipeline, settings)
  const fetching = ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer']
  const statements = [
    ...(repository === undefined ? [] : [allow(['ecr:GetAuthorizationToken'], ['*'])]),
    ...(repository === undefined ? [] : [allow(fetching, [repository])]),
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [attribute('WorkerLogs', 'Arn')]),
    ...secretStatements(pipeline.job.secrets),
  ]
  return roleOf(tasks, 'start', statements)
}

/** Its own files in, its own results out: a name holds no `_`, so that `a_*` is none of `a-b`'s. */
export function jobRole(pipeline: Pipeline): Node {
  const { name, output, job } = pipeline
  const own = (folder: string): Node => keysIn('StateBucket', `${folder}/${name}_*`)
  const statements = [
    ...sourceStatements(pipeline),
    // Its plan; what was split for it, what was kept for it.
    allow(['s3:GetObject'], [own('runs'), own('pieces'), own('checkpoints')]),
    // Giving up: what is large goes up in parts.
    allow(
      ['s3:PutObject', 's3:AbortMultipartUpload'],
      [keysIn('StateBucket', `runs/${name}_*/rejects/*`), own('pieces'), own('checkpoints')],
    ),
    // What a command kept between attempts, once its partition has succeeded.
    allow(['s3:DeleteObject'], [own('checkpoints')]),
    allow(['s3:ListBucket'], [attribute('StateBucket', 'Arn')], {
      StringLike: { 's3:prefix': [`pieces/${name}_*`, `checkpoints/${name}_*`] },
    }),
    // Reading: to merge what partitions have written.
    allow(
      ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'],
      [keysIn('OutputBucket', `${literal(output.prefix)}run=${name}_*`)],
    ),
    allow(['dynamodb:GetItem', 'dynamodb:UpdateItem'], [attribute('Table', 'Arn')], {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`RUN#${name}_*`] },
    }),
    // DynamoDB decrypts its own key to write, too; uploads in parts decrypt to put the parts together.
    allow(['kms:Decrypt'], [attribute('Key', 'Arn')], throughServices('dynamodb', 's3')),
    allow(['kms:GenerateDataKey'], [attribute('Key', 'Arn')], throughServices('s3')),
    ...fileSystemStatements(job),
    ...job.permissions.map(({ actions, resources }) => allow(actions, resources)),
  ]
  return roleOf(tasks, 'work', statements)
}

const throughServices = (...services: string[]): Node => ({
  StringEquals: { 'kms:ViaService': through(...services) },
})

/** Whoever may not list a bucket is told 403 where an object is missing: "gone" would look like "forbidden". */
function sourceStatements(pipeline: Pipeline): Statement[] {
  if (pipeline.source.bucket !== undefined) return sourceBucketStatements([pipeline])
  const dropped = keysIn('DropsBucket', `${literal(pipeline.source.prefix)}*`)
  return [
    allow(['s3:GetObject', 's3:GetObjectVersion'], [dropped]),
    allow(['s3:ListBucket'], [attribute('DropsBucket', 'Arn')]),
  ]
}

/** Of those with an access point: without one, whoever reaches the file system may use it. */
function fileSystemStatements({ volumes }: Pipeline['job']): Statement[] {
  return volumes.flatMap(({ efs, readOnly }) => {
    if (efs?.accessPointId === undefined) return []
    const mounting = 'elasticfilesystem:ClientMount'
    return allow(
      readOnly ? [mounting] : [mounting, 'elasticfilesystem:ClientWrite'],
      [arnOf('elasticfilesystem', `file-system/${efs.fileSystemId}`)],
      { StringEquals: { 'elasticfilesystem:AccessPointArn': accessPoint(efs.accessPointId) } },
    )
  })
}

const accessPoint = (id: string): Node =>
  sub(`arn:\${AWS::Partition}:elasticfilesystem:\${AWS::Region}:\${AWS::AccountId}:access-point/${id}`)
