import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { S3Client } from '@aws-sdk/client-s3'
import { createS3Objects } from '../../shared/aws/objects.ts'
import { type ErrorCode, isError } from '../../shared/errors.ts'
import type { Objects } from '../../shared/ports.ts'
import { anyone } from './dynamodb.ts'
import { type Answer, type ScriptedServer, scriptedServer } from './scripted-server.ts'

const ref = { bucket: 'drops', key: 'a b+c.csv' }
const code = (wanted: ErrorCode) => (error: unknown) => isError(error, wanted)

async function s3(t: TestContext, ...answers: Answer[]): Promise<ScriptedServer & { objects: Objects }> {
  const server = await scriptedServer(t, ...answers)
  const client = new S3Client({ ...anyone, endpoint: server.url, forcePathStyle: true, maxAttempts: 1 })
  t.after(() => client.destroy())
  return { ...server, objects: createS3Objects({ client }) }
}

const refusal =
  (status: number, name: string): Answer =>
  (request, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' })
    response.end(request.method === 'HEAD' ? '' : `<Error><Code>${name}</Code><Message>no</Message></Error>`)
  }
const content =
  (body: string, headers: Record<string, string | number> = {}, status = 206): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-length': body.length, etag: '"e1"', ...headers })
    response.end(body)
  }
const xml =
  (body: string): Answer =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/xml' })
    response.end(`<?xml version="1.0" encoding="UTF-8"?>${body}`)
  }

const written: Answer = (_, response) => {
  response.writeHead(200, { etag: '"e2"', 'x-amz-version-id': 'v2' })
  response.end()
}
const listing = (type: string) =>
  xml(`<ListBucketResult><IsTruncated>true</IsTruncated>${type}<Contents><Key>a+b%2Bc</Key><Size>3</Size>
    <LastModified>2026-01-31T12:00:00.000Z</LastModified><ETag>&quot;e1&quot;</ETag></Contents></ListBucketResult>`)
const result = (inner: string): Answer => xml(`<DeleteResult>${inner}</DeleteResult>`)
const left = (name: string): string => `<Error><Key>a</Key><Code>${name}</Code><Message>no</Message></Error>`

describe('A read from S3', () => {
  it('asks for exactly the range, etag and version, and gives what comes', async t => {
    const { objects, requests } = await s3(t, content('2345'))
    const stream = await objects.read(ref, { range: { start: 2, end: 6 }, etag: 'e1', version: 'v1' })
    assert.equal(Buffer.concat(await stream.toArray()).toString(), '2345')
    const [request] = requests
    assert.equal(request?.url, '/drops/a%20b%2Bc.csv?versionId=v1&x-id=GetObject')
    assert.equal(request?.headers.range, 'bytes=2-5')
    assert.equal(request?.headers['if-match'], '"e1"')
  })

  it('of an empty range cannot cost a call', async t => {
    const { objects, requests } = await s3(t, refusal(500, 'InternalError'))
    assert.deepEqual(await (await objects.read(ref, { range: { start: 3, end: 3 } })).toArray(), [])
    assert.equal(requests.length, 0)
  })

  const cases: [number, string, object, ErrorCode][] = [
    [404, 'NoSuchKey', {}, 'OBJECT_MISSING'],
    [404, 'NoSuchKey', { etag: 'e1' }, 'SOURCE_CHANGED'],
    [404, 'NoSuchVersion', { version: 'v1' }, 'SOURCE_CHANGED'],
    [405, 'MethodNotAllowed', { version: 'v1' }, 'SOURCE_CHANGED'],
    [412, 'PreconditionFailed', { etag: 'e1' }, 'SOURCE_CHANGED'],
    [404, 'NoSuchBucket', { etag: 'e1' }, 'REQUEST_REFUSED'],
    [403, 'AccessDenied', { etag: 'e1' }, 'REQUEST_REFUSED'],
    [503, 'SlowDown', {}, 'THROTTLED'],
    [429, 'TooManyRequests', {}, 'THROTTLED'],
    [500, 'InternalError', {}, 'TEMPORARY_FAILURE'],
  ]
  for (const [status, name, options, wanted] of cases) {
    it(`that S3 answers ${status} ${name}, asked with ${JSON.stringify(options)}, is ${wanted}`, async t => {
      const { objects } = await s3(t, refusal(status, name))
      const error = await objects.read(ref, options).catch((thrown: unknown) => thrown)
      assert.ok(isError(error, wanted), String(error))
      assert.ok(error.cause)
    })
  }

  it('that begins behind the end of the object gives nothing', async t => {
    const { objects } = await s3(t, refusal(416, 'InvalidRange'))
    const stream = await objects.read(ref, { range: { start: 10, end: 20 }, etag: 'e1' })
    assert.deepEqual(await stream.toArray(), [])
  })

  it('that breaks off in the middle is a failure that passes, never the end of the object', async t => {
    const { objects } = await s3(t, (_, response) => {
      response.writeHead(200, { 'content-length': 1000 })
      response.write('only this', () => response.destroy())
    })
    const stream = await objects.read(ref)
    await assert.rejects(stream.toArray(), code('TEMPORARY_FAILURE'))
  })

  it('from a server that does not know ranges cannot be taken for the range', async t => {
    const { objects } = await s3(t, content('0123456789', {}, 200))
    const stream = await objects.read(ref, { range: { start: 2, end: 4 } })
    await assert.rejects(stream.toArray(), code('INVARIANT_BROKEN'))
  })

  it('where nobody listens is a failure that passes', async () => {
    const client = new S3Client({
      ...anyone,
      endpoint: 'http://127.0.0.1:1',
      forcePathStyle: true,
      maxAttempts: 1,
    })
    await assert.rejects(createS3Objects({ client }).read(ref), code('TEMPORARY_FAILURE'))
    client.destroy()
  })
})

describe('A write to S3', () => {
  it('carries a checksum of the whole body, and gives etag and version without quotes', async t => {
    const { objects, requests } = await s3(t, written)
    const info = await objects.write(ref, randomBytes(1000), { metadata: { Run: 'x' } })
    assert.deepEqual(info, { bytes: 1000, etag: 'e2', version: 'v2', metadata: { run: 'x' } })
    assert.match(String(requests[0]?.headers['x-amz-checksum-sha256']), /^[\w+/]{43}=$/)
    assert.equal(requests[0]?.headers['if-none-match'], undefined)
  })

  it('that is to be the only one says so, and is refused where the key is taken', async t => {
    const { objects, requests } = await s3(t, refusal(412, 'PreconditionFailed'))
    await assert.rejects(objects.write(ref, Buffer.from('x'), { once: true }), code('OBJECT_EXISTS'))
    assert.equal(requests[0]?.headers['if-none-match'], '*')
    assert.equal(requests.length, 1)
  })

  it('that meets another conditional one comes again, and not for ever', async t => {
    const meets = await s3(t, refusal(409, 'ConditionalRequestConflict'), written)
    assert.equal((await meets.objects.write(ref, Buffer.from('x'), { once: true })).etag, 'e2')
    assert.equal(meets.requests.length, 2)
    const keepsMeeting = await s3(t, refusal(409, 'ConditionalRequestConflict'))
    await assert.rejects(
      keepsMeeting.objects.write(ref, Buffer.from('x'), { once: true }),
      code('REQUEST_REFUSED'),
    )
    assert.equal(keepsMeeting.requests.length, 5)
  })
})

describe('A list of S3', () => {
  it('decodes keys where the server encoded them, and takes them as they are where it did not', async t => {
    const { objects, requests } = await s3(t, listing('<EncodingType>url</EncodingType>'), listing(''))
    const modifiedAt = Date.UTC(2026, 0, 31, 12)
    const encoded = { objects: [{ key: 'a b+c', bytes: 3, etag: 'e1', modifiedAt }], next: 'a b+c' }
    assert.deepEqual(await objects.list('drops', 'a', '*&'), encoded)
    assert.equal((await objects.list('drops', '')).next, 'a+b%2Bc')
    assert.match(requests[0]?.url ?? '', /encoding-type=url.*prefix=a&start-after=%2A%26/)
  })
})

describe('Removing from S3', () => {
  it('tells of keys that are still there, by what kept them', async t => {
    for (const [name, wanted] of [
      ['SlowDown', 'THROTTLED'],
      ['InternalError', 'TEMPORARY_FAILURE'],
      ['AccessDenied', 'REQUEST_REFUSED'],
    ] as const) {
      const { objects } = await s3(t, result(left(name)))
      const error = await objects.remove([ref]).catch((thrown: unknown) => thrown)
      assert.ok(isError(error, wanted) && error.message.includes(`a (${name})`), String(error))
    }
  })

  it('takes 1,000 keys a call, and keys that XML cannot carry one by one', async t => {
    const { objects, requests } = await s3(t, result(''))
    const keys = Array.from({ length: 2001 }, (_, at) => `key ${at}`)
    await objects.remove([...keys, 'bell\u0007'].map(key => ({ bucket: 'drops', key })))
    assert.deepEqual(
      requests.map(({ method, url }) => `${method} ${url}`),
      [...Array.from({ length: 3 }, () => 'POST /drops/?delete='), 'DELETE /drops/bell%07?x-id=DeleteObject'],
    )
  })
})
