/** AWS SDK clients: each built when first asked for, and then kept. */
import { BatchClient } from '@aws-sdk/client-batch'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import { S3Client } from '@aws-sdk/client-s3'
import { SchedulerClient } from '@aws-sdk/client-scheduler'

/** Calls are short: whoever waits longer waits for an answer that does not come. */
const connectTimeoutMs = 3_000
const answerTimeoutMs = 30_000
/** S3 answers a part only when all of it has arrived. */
const uploadTimeoutMs = 300_000

export interface AwsClients {
  /** Repeats nothing itself: SubmitJob must not be. */
  readonly batch: BatchClient
  readonly dynamodb: DynamoDBClient
  readonly s3: S3Client
  readonly events: EventBridgeClient
  readonly scheduler: SchedulerClient
}

export interface AwsClientsOptions {
  /** Default: the environment's, as Lambda and Batch set it. */
  region?: string
  /** Default: the environment's. */
  credentials?: { accessKeyId: string; secretAccessKey: string }
  /** URLs that stand in for AWS's own. S3 is then addressed by path, for no such server has a name per bucket. */
  endpoints?: { [name in keyof AwsClients]?: string }
}

export function createAwsClients(options: AwsClientsOptions = {}): AwsClients {
  const { region, credentials, endpoints = {} } = options
  const settings = (name: keyof AwsClients) => ({
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(endpoints[name] === undefined ? {} : { endpoint: endpoints[name] }),
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: name === 's3' ? uploadTimeoutMs : answerTimeoutMs,
      // Else the SDK only warns on the console, and waits on.
      throwOnRequestTimeout: true,
    },
  })
  const batch = once(() => new BatchClient({ ...settings('batch'), maxAttempts: 1 }))
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
