/** Records in DynamoDB: one table, on demand, with the indexes `open` and `pipeline`. */
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type CreateTableCommandInput,
  DynamoDBClient,
  GetItemCommand,
  type KeySchemaElement,
  ProvisionedThroughputExceededException,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { MillraceError } from '../errors.ts'
import type { Records } from '../ports.ts'
import type { Change, Guard, Item, Outcome, Query, RecordKey } from '../table.ts'
import { checkChange, cursorOf, cursorText, indexKeys, pageItemsDefault } from '../table-rules.ts'
import { clientSettings } from './client-settings.ts'
import { conditionFor, keyConditionFor, marshalled, placeholders, updateFor } from './expressions.ts'
import { awsFault } from './faults.ts'

export interface DynamoRecordsOptions {
  client: DynamoDBClient
  table: string
}

/**
 * The client repeats what failed on the way. A write that arrived although its answer was lost is then sent twice,
 * and the second may be refused by the first: whoever is refused looks at `item` before believing in a rival.
 * Errors: THROTTLED, TEMPORARY_FAILURE, REQUEST_REFUSED; INVARIANT_BROKEN for what DynamoDB calls invalid.
 */
export function createDynamoRecords({ client, table }: DynamoRecordsOptions): Records {
  const get = async (key: RecordKey): Promise<Item | undefined> => {
    const command = new GetItemCommand({ TableName: table, Key: keyOf(key), ConsistentRead: true })
    const { Item } = await said('GetItem', () => client.send(command))
    return Item && itemOf(Item)
  }
  const guarded = async (key: RecordKey, write: () => Promise<Item>): Promise<Outcome> => {
    try {
      return { ok: true, item: await write() }
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw fault('A conditional write', error)
      // Servers that do not know ReturnValuesOnConditionCheckFailure send no item.
      return refused(error.Item ? itemOf(error.Item) : await get(key))
    }
  }

  return {
    get,
    async put(item, guard) {
      const command = putFor(table, item, guard)
      if (command === 'never') return refused(await get(item))
      return guarded(item, async () => {
        await client.send(command)
        return itemOf(command.input.Item ?? {})
      })
    },
    async update(key, change, guard) {
      const command = updateCommandFor(table, key, change, guard)
      if (command === 'never') return refused(await get(key))
      return guarded(key, async () => itemOf((await client.send(command)).Attributes ?? {}))
    },
    async query(query) {
      const { Items = [], LastEvaluatedKey } = await said('Query', () => client.send(queryFor(table, query)))
      const items = Items.map(itemOf)
      return LastEvaluatedKey === undefined
        ? { items }
        : { items, next: cursorText(unmarshall(LastEvaluatedKey) as RecordKey & Record<string, string>) }
    },
  }
}

export function openRecords(table: string): Records {
  return createDynamoRecords({ client: new DynamoDBClient(clientSettings('dynamodb')), table })
}

function putFor(table: string, item: Item, guard: Guard | undefined): PutItemCommand | 'never' {
  const marks = placeholders()
  const condition = conditionFor(guard, marks)
  if (condition === 'never') return 'never'
  return new PutItemCommand({
    TableName: table,
    Item: marshalled(item),
    ...conditional(condition),
    ...marks.used(),
  })
}

function updateCommandFor(
  table: string,
  key: RecordKey,
  change: Change,
  guard: Guard | undefined,
): UpdateItemCommand | 'never' {
  checkChange(change)
  const marks = placeholders()
  const condition = conditionFor(guard, marks)
  if (condition === 'never') return 'never'
  const expression = updateFor(change, marks)
  return new UpdateItemCommand({
    TableName: table,
    Key: keyOf(key),
    ReturnValues: 'ALL_NEW',
    ...(expression !== undefined && { UpdateExpression: expression }),
    ...conditional(condition),
    ...marks.used(),
  })
}

function conditional(condition: string | undefined) {
  if (condition === undefined) return {}
  return { ConditionExpression: condition, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const
}

function queryFor(table: string, query: Query): QueryCommand {
  const marks = placeholders()
  const cursor = cursorOf(query)
  return new QueryCommand({
    TableName: table,
    ...(query.index !== undefined && { IndexName: query.index }),
    // Indexes are always eventually consistent.
    ConsistentRead: query.index === undefined,
    KeyConditionExpression: keyConditionFor(query, marks),
    ScanIndexForward: query.newestFirst !== true,
    Limit: query.limit ?? pageItemsDefault,
    ...(cursor && { ExclusiveStartKey: marshalled(cursor) }),
    ...marks.used(),
  })
}

/** The table as infra/ deploys it, for servers that tests start. */
export function tableDefinition(name: string): CreateTableCommandInput {
  const { table, ...indexes } = indexKeys
  return {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: Object.values(indexKeys)
      .flatMap(({ pk, sk }) => [pk, sk])
      .map(AttributeName => ({ AttributeName, AttributeType: 'S' })),
    KeySchema: schemaOf(table),
    GlobalSecondaryIndexes: Object.entries(indexes).map(([IndexName, keys]) => ({
      IndexName,
      KeySchema: schemaOf(keys),
      Projection: { ProjectionType: 'ALL' },
    })),
  }
}

function schemaOf({ pk, sk }: { pk: string; sk: string }): KeySchemaElement[] {
  return [
    { AttributeName: pk, KeyType: 'HASH' },
    { AttributeName: sk, KeyType: 'RANGE' },
  ]
}

function keyOf({ pk, sk }: RecordKey): Record<string, AttributeValue> {
  return { pk: { S: pk }, sk: { S: sk } }
}

function itemOf(attributes: Record<string, AttributeValue>): Item {
  return unmarshall(attributes) as Item
}

function refused(item: Item | undefined): Outcome {
  return item === undefined ? { ok: false } : { ok: false, item }
}

async function said<Answer>(call: string, send: () => Promise<Answer>): Promise<Answer> {
  try {
    return await send()
  } catch (error) {
    throw fault(call, error)
  }
}

function fault(call: string, error: unknown): unknown {
  if (error instanceof ProvisionedThroughputExceededException) {
    return new MillraceError('THROTTLED', `${call}: ${error.name}: ${error.message}`, { cause: error })
  }
  // DynamoDB has no class for this one.
  if (error instanceof Error && error.name === 'ValidationException') {
    return new MillraceError('INVARIANT_BROKEN', `${call}: ${error.message}`, { cause: error })
  }
  return awsFault(`DynamoDB ${call}`, error)
}
