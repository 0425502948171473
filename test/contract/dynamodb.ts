/** Opens the DynamoDB adapter on any endpoint that speaks DynamoDB, with a table of its own. */
import { createRequire } from 'node:module'
import type { AddressInfo, Server } from 'node:net'
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DeleteTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'
import { createDynamoRecords, tableDefinition } from '../../shared/aws/records.ts'
import { newId } from '../../shared/clock.ts'
import type { RecordsUnderTest } from './records.ts'

const tableSecondsMax = 60

/** For servers that are not AWS. */
export const anyone = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'anyone', secretAccessKey: 'anything' },
}

export async function openDynamoRecords(
  config: DynamoDBClientConfig,
  define: (table: string) => CreateTableCommandInput = tableDefinition,
): Promise<RecordsUnderTest> {
  const client = new DynamoDBClient(config)
  const table = `contract-${newId()}`
  await client.send(new CreateTableCommand(define(table)))
  await waitUntilTableExists({ client, maxWaitTime: tableSecondsMax, minDelay: 1 }, { TableName: table })
  return {
    records: createDynamoRecords({ client, table }),
    async dispose() {
      await client.send(new DeleteTableCommand({ TableName: table }))
      client.destroy()
    },
  }
}

/** dynalite, in this process and in memory. */
export async function startDynalite(): Promise<{ url: string; stop(): Promise<void> }> {
  const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
  await new Promise<void>(ready => {
    server.listen(0, '127.0.0.1', ready)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise<void>((closed, failed) => {
        server.close(error => (error ? failed(error) : closed()))
      }),
  }
}

export async function openDynalite(
  define?: (table: string) => CreateTableCommandInput,
): Promise<RecordsUnderTest> {
  const { url, stop } = await startDynalite()
  const opened = await openDynamoRecords({ ...anyone, endpoint: url }, define)
  return {
    records: opened.records,
    async dispose() {
      await opened.dispose()
      await stop()
    },
  }
}
