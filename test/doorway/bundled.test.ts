/**
 * What AWS answers, as a bundled function understands it. A bundle leaves out of the SDK what no call seems to need;
 * whether an error is still known for what it is decides what is repeated, what is lost and what is done twice.
 */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { bundleFunctions } from '../../infra/bundle.ts'
import { asEnvironment, environment, localConfig } from '../../shared/config.ts'
import { type Listening, listening } from '../worker/image/s3-server.ts'

/** Of the SDK, fewer than it takes by itself: each waits twice as long as the one before. */
const attemptsMax = 2
const repository = path.resolve(import.meta.dirname, '../..')

/** Does one call to a port, and hands on what came of it. */
const probe = `
import { eventDoor } from ${JSON.stringify(path.join(repository, 'functions/doorway/doors.ts'))}
import * as reach from ${JSON.stringify(path.join(repository, 'functions/doorway/reach.ts'))}
const step = async (world, { port, method, args, take }) =>
  take(await world[port][method](...args).then(
    value => ({ value }),
    ({ code, name, cause }) => ({ code: code ?? name, cause: cause?.name }),
  ))
const { s3, dynamodb, batch, eventBridgeAndScheduler, slack } = reach
const ports = { objects: s3, records: dynamodb, jobs: batch, bus: eventBridgeAndScheduler, chat: slack }
export const handler = eventDoor('settle', step, ports)
`

interface Answer {
  status: number
  headers?: Record<string, string>
  body?: string
}
interface Case {
  title: string
  call: { port: string; method: string; args: unknown[] }
  /** The last one for all that follow. */
  answers: Answer[]
  outcome: Record<string, unknown>
  /** How often it was asked: what is to be repeated, and what must not be. */
  asked?: number
}

const xmlError = (status: number, code: string): Answer => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>no</Message><RequestId>1</RequestId></Error>`,
})
const xml = (body: string): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body: `<?xml version="1.0" encoding="UTF-8"?>${body}`,
})
const json = (body: object): Answer => ({ status: 200, body: JSON.stringify(body) })
/** As DynamoDB and Secrets Manager say it: in the body, with a namespace. */
const named = (name: string, more: object = {}, status = 400): Answer => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
  body: JSON.stringify({ __type: `com.amazonaws.some.v20120810#${name}`, message: 'no', ...more }),
})
/** As Batch and Scheduler say it: in a header. */
const headed = (name: string, status = 400): Answer => ({
  status,
  headers: { 'content-type': 'application/json', 'x-amzn-errortype': `${name}:http://internal/` },
  body: JSON.stringify({ message: 'no' }),
})

const ref = { bucket: 'state', key: 'a b.json' }
const item = { pk: 'P', sk: 'S', state: 'RUNNING' }
const stored = {
  pk: { S: 'P' },
  sk: { S: 'S' },
  fence: { N: '7' },
  failures: { L: [{ M: { code: { S: 'X' } } }] },
}
const once = { port: 'records', method: 'put', args: [item, [{ state: { absent: true } }]] }
const get = { port: 'records', method: 'get', args: [{ pk: 'P', sk: 'S' }] }
const read = { port: 'objects', method: 'read', args: [ref] }
const head = { port: 'objects', method: 'head', args: [ref] }
const write = { port: 'objects', method: 'write', args: [ref, Buffer.from('{}'), { once: true }] }
const removal = { port: 'objects', method: 'remove', args: [[ref]] }
const request = {
  name: 'r',
  size: 2,
  queue: 'q',
  definition: 'd',
  environment: {},
  vcpus: 1,
  memoryMiB: 2048,
  timeoutSeconds: 60,
}
const submit = { port: 'jobs', method: 'submit', args: [request] }
const find = { port: 'jobs', method: 'find', args: ['r', 'q'] }
const terminate = { port: 'jobs', method: 'terminate', args: ['j', 'why'] }
const event = { type: 'Round Due', detail: { runId: 'logs_1', pipeline: 'logs', round: 1 } }
const publish = { port: 'bus', method: 'publish', args: [event] }
const publishLater = { port: 'bus', method: 'publishAt', args: [event, 4_102_444_800_000] }
const post = { port: 'chat', method: 'post', args: [{ channel: '#c', text: 't', blocks: [] }] }

const cases: Case[] = [
  {
    title: 'an object that is not there, by its name in XML',
    call: read,
    answers: [xmlError(404, 'NoSuchKey')],
    outcome: { code: 'OBJECT_MISSING', cause: 'NoSuchKey' },
    asked: 1,
  },
  {
    title: 'a bucket that is not there is no missing object',
    call: read,
    answers: [xmlError(404, 'NoSuchBucket')],
    outcome: { code: 'REQUEST_REFUSED', cause: 'NoSuchBucket' },
    asked: 1,
  },
  {
    title: 'nothing of a HEAD without a body',
    call: head,
    answers: [{ status: 404 }],
    outcome: {},
    asked: 1,
  },
  {
    title: 'a key that is taken, by If-None-Match',
    call: write,
    answers: [xmlError(412, 'PreconditionFailed')],
    outcome: { code: 'OBJECT_EXISTS', cause: 'PreconditionFailed' },
    asked: 1,
  },
  {
    title: 'two conditional writes that met: again, until one has won',
    call: write,
    answers: [xmlError(409, 'ConditionalRequestConflict'), xmlError(412, 'PreconditionFailed')],
    outcome: { code: 'OBJECT_EXISTS' },
    asked: 2,
  },
  {
    title: 'a permission that lacks in S3',
    call: write,
    answers: [xmlError(403, 'AccessDenied')],
    outcome: { code: 'REQUEST_REFUSED', cause: 'AccessDenied' },
    asked: 1,
  },
  {
    title: 'SlowDown of S3, after some tries',
    call: read,
    answers: [xmlError(503, 'SlowDown')],
    outcome: { code: 'THROTTLED' },
    asked: attemptsMax,
  },
  {
    title: 'objects that S3 leaves, in an answer that says 200',
    call: removal,
    answers: [xml('<DeleteResult><Error><Key>a b.json</Key><Code>SlowDown</Code></Error></DeleteResult>')],
    outcome: { code: 'THROTTLED' },
  },
  {
    title: 'a page of a listing',
    call: { port: 'objects', method: 'list', args: ['drops', 'a'] },
    answers: [
      xml(`<ListBucketResult><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType><Contents><Key>a+b%2Bc</Key><Size>3</Size>
        <LastModified>2026-01-31T12:00:00.000Z</LastModified><ETag>&quot;e1&quot;</ETag></Contents></ListBucketResult>`),
    ],
    outcome: {
      value: {
        objects: [{ key: 'a b+c', bytes: 3, etag: 'e1', modifiedAt: Date.parse('2026-01-31T12:00:00Z') }],
        next: 'a b+c',
      },
    },
  },
  {
    title: 'what stands where a condition fails: it comes with the error',
    call: once,
    answers: [named('ConditionalCheckFailedException', { Item: stored })],
    outcome: { value: { ok: false, item: { pk: 'P', sk: 'S', fence: 7, failures: [{ code: 'X' }] } } },
    asked: 1,
  },
  { title: 'an item that is not there', call: get, answers: [json({})], outcome: {}, asked: 1 },
  {
    title: 'an item',
    call: get,
    answers: [json({ Item: stored })],
    outcome: { value: { pk: 'P', sk: 'S', fence: 7, failures: [{ code: 'X' }] } },
  },
  {
    title: 'throttling of DynamoDB, after some tries',
    call: get,
    answers: [named('ThrottlingException')],
    outcome: { code: 'THROTTLED' },
    asked: attemptsMax,
  },
  {
    title: 'a table that is too hot',
    call: get,
    answers: [named('ProvisionedThroughputExceededException')],
    outcome: { code: 'THROTTLED', cause: 'ProvisionedThroughputExceededException' },
    asked: attemptsMax,
  },
  {
    title: 'what DynamoDB calls invalid is a bug of ours',
    call: get,
    answers: [named('ValidationException')],
    outcome: { code: 'INVARIANT_BROKEN', cause: 'ValidationException' },
    asked: 1,
  },
  {
    title: 'an answer that is HTML, of some proxy',
    call: get,
    answers: [{ status: 502, headers: { 'content-type': 'text/html' }, body: '<html>Bad Gateway</html>' }],
    outcome: { code: 'TEMPORARY_FAILURE' },
  },
  {
    title: 'a job that Batch refuses',
    call: submit,
    answers: [headed('ClientException')],
    outcome: { code: 'REQUEST_REFUSED', cause: 'ClientException' },
    asked: 1,
  },
  {
    title: 'a submission that may have arrived: once, and not again',
    call: submit,
    answers: [headed('ServerException', 500)],
    outcome: { code: 'TEMPORARY_FAILURE', cause: 'ServerException' },
    asked: 1,
  },
  {
    title: 'throttling of Batch',
    call: submit,
    answers: [headed('TooManyRequestsException', 429)],
    outcome: { code: 'THROTTLED', cause: 'TooManyRequestsException' },
    asked: 1,
  },
  {
    title: 'a job',
    call: submit,
    answers: [json({ jobId: 'j1' })],
    outcome: { value: { jobId: 'j1' } },
    asked: 1,
  },
  {
    title: 'no job in a queue that is gone',
    call: find,
    answers: [headed('ClientException')],
    outcome: { value: [] },
  },
  {
    title: 'an end of what has ended is no error',
    call: terminate,
    answers: [headed('ClientException'), json({ jobs: [{ jobId: 'j', jobName: 'r', status: 'FAILED' }] })],
    outcome: {},
    asked: 2,
  },
  {
    title: 'an event that PutEvents did not take, in an answer that says 200',
    call: publish,
    answers: [
      json({ FailedEntryCount: 1, Entries: [{ ErrorCode: 'ThrottlingException', ErrorMessage: 'no' }] }),
    ],
    outcome: { code: 'THROTTLED' },
  },
  {
    title: 'a bus that is not there',
    call: publish,
    answers: [named('ResourceNotFoundException')],
    outcome: { code: 'REQUEST_REFUSED', cause: 'ResourceNotFoundException' },
  },
  {
    title: 'a schedule that is there already is one that was made',
    call: publishLater,
    answers: [headed('ConflictException', 409)],
    outcome: {},
    asked: 1,
  },
  {
    title: 'a schedule that may not be made',
    call: publishLater,
    answers: [headed('AccessDeniedException', 403)],
    outcome: { code: 'REQUEST_REFUSED', cause: 'AccessDeniedException' },
    asked: 1,
  },
  {
    title: 'a secret that is not there',
    call: post,
    answers: [named('ResourceNotFoundException')],
    outcome: { code: 'REQUEST_REFUSED', cause: 'ResourceNotFoundException' },
  },
]

interface Aws extends Listening {
  answerWith(answers: readonly Answer[]): void
  asked(): number
}

async function startAws(): Promise<Aws> {
  let answers: readonly Answer[] = []
  let asked = 0
  const server = createServer((asking, response) => {
    asking.resume().on('end', () => {
      const { status = 500, headers = {}, body = '' } = answers[Math.min(asked++, answers.length - 1)] ?? {}
      response.writeHead(status, headers).end(asking.method === 'HEAD' ? '' : body)
    })
  })
  const answerWith = (next: readonly Answer[]): void => {
    answers = next
    asked = 0
  }
  return { ...(await listening(server)), answerWith, asked: () => asked }
}

describe('a bundled function understands', () => {
  let scratch = ''
  let aws: Aws
  let handler: (event: unknown, context: object) => Promise<void>
  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'millrace-bundled-'))
    const functionsDir = path.join(scratch, 'functions')
    await mkdir(functionsDir)
    await writeFile(path.join(functionsDir, 'probe.ts'), probe)
    const pipelinesDir = path.join(repository, 'test/infra/fixtures/pipelines')
    await bundleFunctions({ functionsDir, pipelinesDir, outDir: path.join(scratch, 'dist') })
    aws = await startAws()
    Object.assign(environment(), {
      ...asEnvironment({ ...localConfig('', ''), stage: 'dev' }),
      MILLRACE_SLACK_SECRET: 'millrace/slack',
      AWS_MAX_ATTEMPTS: String(attemptsMax),
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'nobody',
      AWS_SECRET_ACCESS_KEY: 'nothing',
      AWS_ENDPOINT_URL: aws.url,
    })
    handler = (await import(pathToFileURL(path.join(scratch, 'dist/probe.mjs')).href)).handler
  })
  after(async () => {
    await aws?.stop()
    await rm(scratch, { recursive: true, force: true })
  })

  for (const { title, call, answers, outcome, asked } of cases) {
    it(title, async () => {
      aws.answerWith(answers)
      let came: Record<string, unknown> = {}
      const take = (given: Record<string, unknown>): void => {
        came = given
      }
      await handler({ ...call, take }, {})
      const { cause = came.cause, ...rest } = outcome
      assert.deepEqual(came, { ...('code' in outcome ? { cause } : { value: undefined }), ...rest })
      if (asked !== undefined) assert.equal(aws.asked(), asked)
    })
  }
})
