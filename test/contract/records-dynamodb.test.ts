import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { createDynamoRecords } from '../../shared/aws/records.ts'
import { type ErrorCode, isError } from '../../shared/errors.ts'
import type { Records } from '../../shared/ports.ts'
import { anyone } from './dynamodb.ts'
import { type Answer, type ScriptedServer, scriptedServer } from './scripted-server.ts'

const key = { pk: 'RUN#1', sk: 'RUN' }

const json =
  (status: number, body: object): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
    response.end(JSON.stringify(body))
  }
const refusal = (status: number, name: string, more: object = {}): Answer =>
  json(status, { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: 'no', ...more })

async function dynamodb(
  t: TestContext,
  answers: Answer[],
  maxAttempts = 1,
): Promise<ScriptedServer & { records: Records }> {
  const server = await scriptedServer(t, ...answers)
  const client = new DynamoDBClient({ ...anyone, endpoint: server.url, maxAttempts })
  t.after(() => client.destroy())
  return { ...server, records: createDynamoRecords({ client, table: 'millrace' }) }
}

describe('A condition that DynamoDB refuses', () => {
  const guard = [{ word: { absent: true } }] as const
  const item = { pk: { S: key.pk }, sk: { S: key.sk }, word: { S: 'first' } }

  it('comes back with the item in the way, in one call, where the server sends it', async t => {
    const { records, requests } = await dynamodb(t, [
      refusal(400, 'ConditionalCheckFailedException', { Item: item }),
    ])
    const outcome = await records.update(key, { set: { word: 'second' } }, guard)
    assert.deepEqual(outcome, { ok: false, item: { ...key, word: 'first' } })
    assert.equal(requests.length, 1)
  })

  it('comes back with the item read afterwards where the server sends none', async t => {
    const answers = [refusal(400, 'ConditionalCheckFailedException'), json(200, { Item: item })]
    const { records, requests } = await dynamodb(t, answers)
    const outcome = await records.put({ ...key, word: 'second' }, guard)
    assert.deepEqual(outcome, { ok: false, item: { ...key, word: 'first' } })
    assert.deepEqual(
      requests.map(({ headers }) => headers['x-amz-target']),
      ['DynamoDB_20120810.PutItem', 'DynamoDB_20120810.GetItem'],
    )
  })
})

describe('A fault of DynamoDB', () => {
  const cases: [number, string, ErrorCode][] = [
    [400, 'ProvisionedThroughputExceededException', 'THROTTLED'],
    [400, 'ThrottlingException', 'THROTTLED'],
    [400, 'RequestLimitExceeded', 'THROTTLED'],
    [500, 'InternalServerError', 'TEMPORARY_FAILURE'],
    [503, 'ServiceUnavailable', 'TEMPORARY_FAILURE'],
    [400, 'ResourceNotFoundException', 'REQUEST_REFUSED'],
    [400, 'AccessDeniedException', 'REQUEST_REFUSED'],
    [400, 'ValidationException', 'INVARIANT_BROKEN'],
  ]
  for (const [status, name, wanted] of cases) {
    it(`called ${name} is ${wanted} to every method, and keeps its cause`, async t => {
      const { records } = await dynamodb(t, [refusal(status, name)])
      const calls = [
        () => records.get(key),
        () => records.put(key),
        () => records.update(key, {}),
        () => records.query({ pk: key.pk }),
      ]
      for (const call of calls) {
        const error = await call().catch((thrown: unknown) => thrown)
        assert.ok(isError(error, wanted), String(error))
        assert.ok(error.cause instanceof Error)
      }
    })
  }

  it('on the way to it is a failure that passes', async () => {
    const client = new DynamoDBClient({ ...anyone, endpoint: 'http://127.0.0.1:1', maxAttempts: 1 })
    const records = createDynamoRecords({ client, table: 'millrace' })
    await assert.rejects(records.get(key), error => isError(error, 'TEMPORARY_FAILURE'))
    client.destroy()
  })

  it('that passes is met again by the client itself', async t => {
    const { records, requests } = await dynamodb(t, [refusal(500, 'InternalServerError'), json(200, {})], 2)
    assert.equal(await records.get(key), undefined)
    assert.equal(requests.length, 2)
  })
})
