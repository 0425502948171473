/** An AWS endpoint of a few lines on 127.0.0.1: keeps what an SDK client asked, and answers as told. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AwsClients, createAwsClients } from '../../shared/aws/clients.ts'

export interface AwsRequest {
  /** Path, or the operation's name where the protocol has one path for all. */
  operation: string
  body: Record<string, unknown>
}

export interface AwsAnswer {
  status?: number
  /** The exception's name, as `x-amzn-errortype` has it. */
  error?: string
  body?: object
}

export interface Loopback {
  url: string
  clients: AwsClients
  requests: AwsRequest[]
  /** The next requests are answered with these, one each, the last one for good. */
  answerWith(...answers: AwsAnswer[]): void
  /** Breaks every connection from now on. */
  hangUp(): void
  stop(): Promise<void>
}

export async function startLoopback(): Promise<Loopback> {
  const requests: AwsRequest[] = []
  let answers: AwsAnswer[] = []
  let hungUp = false
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('')
    const target = request.headers['x-amz-target']
    requests.push({
      operation: String(target ?? request.url).replace(/^AWSEvents\.|^\/v1\//, ''),
      body: body === '' ? {} : JSON.parse(body),
    })
    if (hungUp) return request.socket.destroy()
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? {}
    const { status = answer.error === undefined ? 200 : 400, error } = answer
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(error === undefined ? {} : { 'x-amzn-errortype': error }),
    })
    response.end(
      JSON.stringify(answer.body ?? (error === undefined ? {} : { __type: error, message: 'as told' })),
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    clients: createAwsClients({
      region: 'us-east-1',
      credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' },
      endpoints: { batch: url, events: url, scheduler: url },
    }),
    requests,
    answerWith: (...next) => {
      answers = next
    },
    hangUp: () => {
      hungUp = true
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}
