/** AWS SDK clients: each built when first asked for, and then kept. */
import { BatchClient } from '@aws-sdk/client-batch'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import { S3Client } from '@aws-sdk/client-s3'
import { SchedulerClient } from '@aws-sdk/client-scheduler'
import { type ClientOptions, clientSettings } from './client-settings.ts'

export interface AwsClients {
  readonly batch: BatchClient
  readonly dynamodb: DynamoDBClient
  readonly s3: S3Client
  readonly events: EventBridgeClient
  readonly scheduler: SchedulerClient
}

export function createAwsClients(options: ClientOptions<keyof AwsClients> = {}): AwsClients {
  const { endpoints = {} } = options
  const settings = (name: keyof AwsClients) => clientSettings(name, options)
  const batch = once(() => new BatchClient(settings('batch')))
  const dynamodb = once(() => new DynamoDBClient(settings('dynamodb')))
  const s3 = once(() => new S3Client({ ...settings('s3'), forcePathStyle: endpoints.s3 !== undefined }))
  const events = once(() => new EventBridgeClient(settings('events')))
  const scheduler = once(() => new SchedulerClient(settings('scheduler')))
  return {
    get batch() {
      return batch()
    },
    get dynamodb() {
      return dynamodb()
    },
    get s3() {
      return s3()
    },
    get events() {
      return events()
    },
    get scheduler() {
      return scheduler()
    },
  }
}

function once<Client>(build: () => Client): () => Client {
  let built: Client | undefined
  return () => {
    built ??= build()
    return built
  }
}
