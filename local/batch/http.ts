/** REST JSON over HTTP, on the loopback only. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { newId } from '../../shared/clock.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Batch } from './batch.ts'
import { answerMetadata } from './metadata.ts'
import { operations } from './operations.ts'
import { refuse } from './refusal.ts'

/** Far above Batch's own limits, which are answered in its words. */
const bodyBytesMax = 1024 * 1024
const host = '127.0.0.1'

/** `port` 0: a free one. */
export async function listen(batch: Batch, port: number): Promise<Server> {
  // A server that closes idle connections closes some at the very moment at which a request comes on them.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    void answer(batch, request, response)
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, host, resolve)
  await promise
  return server
}

export const urlOf = (server: Server): string => `http://${host}:${(server.address() as AddressInfo).port}`

async function answer(batch: Batch, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const requestId = newId()
  response.setHeader('x-amzn-requestid', requestId)
  try {
    checkSender(request)
    const told = answerMetadata(batch, request)
    if (told) {
      response.writeHead(told.status, { 'content-type': 'text/plain' }).end(told.body)
      return
    }
    const operation = operations[request.url?.split('?')[0] ?? '']
    if (!operation || request.method !== 'POST') {
      send(response, 404, 'UnknownOperationException', {})
      return
    }
    const body = await bodyOf(request)
    send(response, 200, undefined, operation(batch, JSON.parse(body || '{}'), Buffer.byteLength(body)))
  } catch (error) {
    sendError(batch, response, error, requestId)
  }
}

/**
 * The server runs what it is told to: a page in the browser must not be able to tell it. Browsers name the page
 * they speak for (Origin), and where a foreign name leads to the loopback they name that (Host).
 */
function checkSender({ headers }: IncomingMessage): void {
  const name = headers.host?.replace(/:\d+$/, '')
  if (headers.origin !== undefined || (name !== host && name !== 'localhost')) {
    refuse('Requests of web pages are refused')
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bodyBytesMax) refuse(`A request is at most ${bodyBytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function sendError(batch: Batch, response: ServerResponse, error: unknown, requestId: string): void {
  const ours = error instanceof MillraceError && ['MALFORMED', 'NOT_FOUND'].includes(error.code)
  if (ours || error instanceof SyntaxError) {
    const message = `Error executing request, Exception : ${error.message}, RequestId: ${requestId}`
    send(response, 400, 'ClientException', { message })
    return
  }
  batch.log.error('The local Batch failed', { error, requestId })
  send(response, 500, 'ServerException', { message: `Internal error, RequestId: ${requestId}` })
}

function send(response: ServerResponse, status: number, errorType: string | undefined, body: object): void {
  if (errorType) response.setHeader('x-amzn-errortype', errorType)
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
