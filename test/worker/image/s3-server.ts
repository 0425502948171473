/** As much of S3 as a worker speaks, by path, over the simulator's buckets: what S3 refuses it refuses too. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { isError } from '../../../shared/errors.ts'
import type { ObjectRef, Objects } from '../../../shared/ports.ts'

export interface Listening {
  url: string
  stop(): Promise<void>
}

interface Asked {
  objects: Objects
  ref: ObjectRef
  query: URLSearchParams
  request: IncomingMessage
  response: ServerResponse
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

export function startS3Server(objects: Objects): Promise<Listening> {
  const server = createServer((request, response) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://s3')
    const [, bucket = '', ...key] = pathname.split('/').map(decodeURIComponent)
    const asked = { objects, ref: { bucket, key: key.join('/') }, query, request, response }
    answer(asked).catch((error: unknown) => refuse(response, request.method === 'HEAD', error))
  })
  return listening(server)
}

export async function listening(server: Server): Promise<Listening> {
  await new Promise<void>(ready => {
    server.listen(0, '127.0.0.1', ready)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>(closed => server.close(() => closed()))
    },
  }
}

async function answer(asked: Asked): Promise<void> {
  const { method } = asked.request
  if (method === 'GET' && asked.query.has('list-type')) return list(asked)
  if (method === 'GET' || method === 'HEAD') return give(asked, method === 'HEAD')
  if (method === 'PUT' && !asked.query.has('uploadId')) return take(asked)
  if (method === 'POST' && asked.query.has('delete')) return remove(asked)
  throw new Error(`${method} ${asked.request.url} is not known here`)
}

async function give({ objects, ref, query, request, response }: Asked, headOnly: boolean): Promise<void> {
  const version = query.get('versionId') ?? undefined
  const etag = request.headers['if-match']?.replaceAll('"', '')
  const info = await objects.head(ref)
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
  const start = Number(from ?? 0)
  const end = Math.min(to === undefined ? Number.POSITIVE_INFINITY : Number(to) + 1, info?.bytes ?? 0)
  const range = { start, end }
  const identity = { ...(etag ? { etag } : {}), ...(version ? { version } : {}) }
  const body = await objects.read(ref, { ...identity, ...(end > start ? { range } : {}) })
  if (from !== undefined && start >= end) return plain(response, 416, 'InvalidRange')
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': Math.max(0, end - start),
    etag: `"${info?.etag}"`,
    ...(info?.version ? { 'x-amz-version-id': info.version } : {}),
    ...Object.fromEntries(
      Object.entries(info?.metadata ?? {}).map(([name, value]) => [`x-amz-meta-${name}`, value]),
    ),
  })
  if (headOnly) response.end()
  // Whoever reads no further hangs up.
  else await pipeline(body, response).catch(() => {})
}

async function take({ objects, ref, request, response }: Asked): Promise<void> {
  if (request.headers['content-encoding']?.includes('aws-chunked'))
    throw new Error('chunks are not known here')
  const body = Buffer.concat(await request.toArray())
  const metadata = Object.fromEntries(
    Object.entries(request.headers)
      .filter(([name]) => name.startsWith('x-amz-meta-'))
      .map(([name, value]) => [name.slice('x-amz-meta-'.length), String(value)]),
  )
  const once = request.headers['if-none-match'] === '*'
  const { etag, version } = await objects.write(ref, body, { once, metadata })
  response.writeHead(200, { etag: `"${etag}"`, ...(version ? { 'x-amz-version-id': version } : {}) })
  response.end()
}

async function list({ objects, ref, query, response }: Asked): Promise<void> {
  const after = query.get('start-after') ?? undefined
  const { objects: found, next } = await objects.list(ref.bucket, query.get('prefix') ?? '', after)
  const contents = found.map(
    ({ key, bytes, etag, modifiedAt }) =>
      `<Contents><Key>${encodeURIComponent(key)}</Key><Size>${bytes}</Size><ETag>"${etag}"</ETag><LastModified>${new Date(modifiedAt).toISOString()}</LastModified></Contents>`,
  )
  xml(
    response,
    200,
    `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>${next !== undefined}</IsTruncated>${contents.join('')}</ListBucketResult>`,
  )
}

async function remove({ objects, ref, request, response }: Asked): Promise<void> {
  const body = Buffer.concat(await request.toArray()).toString()
  const keys = [...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => key.replaceAll('&amp;', '&'))
  await objects.remove(keys.map(key => ({ bucket: ref.bucket, key })))
  xml(response, 200, '<DeleteResult/>')
}

function refuse(response: ServerResponse, headOnly: boolean, error: unknown): void {
  if (isError(error, 'OBJECT_MISSING')) plain(response, 404, headOnly ? '' : 'NoSuchKey')
  else if (isError(error, 'SOURCE_CHANGED') || isError(error, 'OBJECT_EXISTS'))
    plain(response, 412, headOnly ? '' : 'PreconditionFailed')
  else plain(response, 400, headOnly ? '' : 'InvalidRequest', String(error))
}

function plain(response: ServerResponse, status: number, code: string, message = ''): void {
  if (code === '') response.writeHead(status).end()
  else xml(response, status, `<Error><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`)
}

function xml(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(`<?xml version="1.0" encoding="UTF-8"?>${body}`)
}
