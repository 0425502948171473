/** A Slack of a few lines on 127.0.0.1: what the SDKs send is kept as it came, and answered as told. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SlackRequest {
  path: string
  authorization: string | undefined
  fields: Record<string, unknown>
}

export interface SlackAnswer {
  status?: number
  headers?: Record<string, string>
  body: string | object
}

export interface LoopbackSlack {
  apiUrl: string
  webhookUrl: string
  /** All that was asked, and of it what was answered as if all were well. */
  requests: SlackRequest[]
  taken: SlackRequest[]
  /** The next requests are answered with these, one each; then again as Slack does when all is well. */
  answerWith(...answers: SlackAnswer[]): void
  stop(): Promise<void>
}

export async function startLoopbackSlack(): Promise<LoopbackSlack> {
  const requests: SlackRequest[] = []
  const taken: SlackRequest[] = []
  const answers: SlackAnswer[] = []
  const server = createServer(async (request, response) => {
    const path = request.url ?? ''
    const asked = { path, authorization: request.headers.authorization, fields: await fieldsOf(request) }
    const trouble = answers.shift()
    requests.push(asked)
    if (trouble === undefined) taken.push(asked)
    const isApi = path.startsWith('/api/')
    const well = isApi ? { body: { ok: true, ts: `1750000000.00000${requests.length}` } } : { body: 'ok' }
    const { status = 200, headers = {}, body }: SlackAnswer = trouble ?? well
    response.writeHead(status, { 'content-type': isApi ? 'application/json' : 'text/html', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    apiUrl: `${url}/api/`,
    webhookUrl: `${url}/services/T0/B0/topsecret`,
    requests,
    taken,
    answerWith: (...next) => {
      answers.push(...next)
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

/** The Web API takes a form whose structures are JSON; a webhook takes JSON. */
async function fieldsOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const body = (await request.toArray()).join('')
  if (request.headers['content-type']?.includes('json')) return JSON.parse(body)
  const form = Object.fromEntries(new URLSearchParams(body))
  return form.blocks === undefined ? form : { ...form, blocks: JSON.parse(form.blocks) }
}
