/** What a call needs of KMS besides, where its bucket, table or queue has a key of ours. */
import { at, ofType, type Template } from '../packaged.ts'
import { nameOf, region, resolved } from './resolve.ts'
import type { Need } from './statements.ts'

/**
 * KMS is asked in the caller's name. Sources: S3 user guide, "Using server-side encryption with AWS KMS keys";
 * DynamoDB developer guide, "DynamoDB encryption at rest: usage notes"; SQS developer guide, "Key management".
 */
const actions: Readonly<Record<string, readonly string[]>> = {
  's3:GetObject': ['Decrypt'],
  's3:GetObjectVersion': ['Decrypt'],
  's3:PutObject': ['GenerateDataKey'],
  'dynamodb:GetItem': ['Decrypt'],
  'dynamodb:PutItem': ['Decrypt'],
  'dynamodb:UpdateItem': ['Decrypt'],
  'dynamodb:Query': ['Decrypt'],
  'sqs:ReceiveMessage': ['Decrypt'],
  'sqs:SendMessage': ['GenerateDataKey', 'Decrypt'],
}
/** S3 puts the parts together again. */
const ofParts = /^(UploadPart|CompleteMultipartUpload)Command$/

const keyed: Readonly<Record<string, { service: string; key: string }>> = {
  'AWS::S3::Bucket': {
    service: 's3',
    key: 'BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.KMSMasterKeyID',
  },
  'AWS::DynamoDB::Table': { service: 'dynamodb', key: 'SSESpecification.KMSMasterKeyId' },
  'AWS::SQS::Queue': { service: 'sqs', key: 'KmsMasterKeyId' },
}

/** Of a need, and the command it comes from: what it needs of KMS. */
export function keysOf(template: Template): (need: Need, command?: string) => Need[] {
  const keys = Object.entries(keyed).flatMap(([type, { service, key }]) =>
    ofType(template, type).flatMap(([id, { Properties }]) => {
      const own = at(Properties, key)
      return own === undefined
        ? []
        : [{ service, name: nameOf(id, template), arn: String(resolved(own, template)) }]
    }),
  )
  return ({ action, resource }, command = '') => {
    const [service = ''] = action.split(':')
    const names = (resource.split(':').at(-1) ?? '').split('/')
    const key = keys.find(one => one.service === service && names.includes(one.name))
    if (key === undefined) return []
    const asked = [...(actions[action] ?? []), ...(ofParts.test(command) ? ['Decrypt'] : [])]
    const context = { 'kms:ViaService': `${service}.${region}.amazonaws.com` }
    return asked.map(one => ({ action: `kms:${one}`, resource: key.arn, context }))
  }
}
