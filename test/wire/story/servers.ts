/** All that a stage has in AWS, of servers that other people wrote, and made by what the packaged template says. */
import { CreateTableCommand, DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb'
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3'
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { createTable } from '../../infra/executed/requests.ts'
import { at, ofType, type Template } from '../../infra/packaged.ts'
import { nameOf } from '../../infra/policy/resolve.ts'
import { credentials, region, type SecondOpinion, type Server, secondOpinions } from '../servers.ts'
import { createStack, fittings, type Stack, servedByUs } from './stack.ts'

const tableSecondsMax = 60

export interface Servers {
  stack: Stack
  motoUrl: string
  /** For a process that is to speak to them, as AWS's SDKs and tools read it. */
  environment: Record<string, string>
  clients: { s3: S3Client; dynamodb: DynamoDBClient }
  stop(): Promise<void>
}

const wanted: readonly SecondOpinion[] = Object.values(secondOpinions)

/** Why there is no story; `undefined` where there is one. */
export const missing = wanted.find(opinion => opinion.missing !== undefined)?.missing

/** @param secret by name */
export async function openServers(
  template: Template,
  secret: { name: string; value: object },
): Promise<Servers> {
  const started: Server[] = []
  const start = async (opinion: SecondOpinion): Promise<string> => {
    const server = await opinion.start()
    started.push(server)
    return server.url
  }
  const stop = async (): Promise<void> => {
    await Promise.all(started.map(server => server.stop()))
  }
  try {
    const [motoUrl, tableUrl, bucketsUrl] = await Promise.all([
      start(secondOpinions.moto),
      start(secondOpinions.dynamodbLocal),
      start(secondOpinions.versitygw),
    ])
    const stack = await createStack(motoUrl, template, { ...fittings, servedByUs })
    const dynamodb = new DynamoDBClient({ region, credentials, endpoint: tableUrl })
    const s3 = new S3Client({ region, credentials, endpoint: bucketsUrl, forcePathStyle: true })
    await makeTable(dynamodb, stack.template)
    await makeBuckets(s3, stack.template)
    const secrets = new SecretsManagerClient({ region, credentials, endpoint: motoUrl })
    const SecretString = JSON.stringify(secret.value)
    await secrets.send(new CreateSecretCommand({ Name: secret.name, SecretString }))
    const environment = {
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_ENDPOINT_URL: motoUrl,
      AWS_ENDPOINT_URL_DYNAMODB: tableUrl,
      AWS_ENDPOINT_URL_S3: bucketsUrl,
    }
    return { stack, motoUrl, environment, clients: { s3, dynamodb }, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function makeTable(client: DynamoDBClient, template: Template): Promise<void> {
  const TableName = nameOf('Table', template)
  await client.send(new CreateTableCommand(createTable(template)(TableName)))
  await waitUntilTableExists({ client, maxWaitTime: tableSecondsMax, minDelay: 1 }, { TableName })
}

async function makeBuckets(client: S3Client, template: Template): Promise<void> {
  for (const [id, { Properties }] of ofType(template, 'AWS::S3::Bucket')) {
    const Bucket = nameOf(id, template)
    await client.send(new CreateBucketCommand({ Bucket }))
    const Status = at(Properties, 'VersioningConfiguration.Status') as 'Enabled' | undefined
    if (Status === undefined) continue
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }))
  }
}
