/** A small Slack on 127.0.0.1: takes what would have been said and keeps it, for people and tests to read. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { isoTime } from '../shared/clock.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Clock } from '../shared/ports.ts'
import type { Json } from '../shared/table.ts'

export interface SunkMessage {
  at: string
  via: 'chat.postMessage' | 'chat.update' | 'webhook'
  /** Empty for a webhook, which has its channel built in. */
  channel: string
  /** Empty for a webhook, which answers none. */
  ts: string
  threadTs?: string
  text: string
  blocks: Json[]
}

export type SlackFault = { retryAfterSeconds: number } | { error: string } | { status: number }

export interface SlackSink {
  /** For @slack/web-api's `slackApiUrl`. */
  apiUrl: string
  /** For @slack/webhook. */
  webhookUrl: string
  /** Everything said on this data folder, oldest first, by earlier stacks too. */
  messages(): SunkMessage[]
  /** The next `times` posts are answered with this instead. */
  answerWith(fault: SlackFault, times?: number): void
  stop(): Promise<void>
}

/** Slack's own limit for a message's text is 40,000 characters, and 50 blocks of 3,000. */
const requestBytesMax = 1024 * 1024

/** Messages are appended to `file`, one JSON object a line, before they are answered. */
export async function startSlackSink({ file, clock }: { file: string; clock: Clock }): Promise<SlackSink> {
  mkdirSync(path.dirname(file), { recursive: true })
  const kept = readKept(file)
  const out = openSync(file, 'a')
  // Else a line that a kill cut short would spoil the next one too.
  writeSync(out, '\n')
  const faults: SlackFault[] = []
  const keep = (message: SunkMessage): void => {
    writeSync(out, `${JSON.stringify(message)}\n`)
    kept.push(message)
  }
  const desk = { keep, faults, stamp: stampsOf(clock, kept), clock }
  // A server that closes idle connections closes some at the very moment at which a request comes on them.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    answer(request, desk).then(
      reply => send(response, reply),
      (error: unknown) => send(response, { status: 500, body: String(error) }),
    )
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    apiUrl: `${url}/api/`,
    webhookUrl: `${url}/services/local`,
    messages: () => [...kept],
    answerWith: (fault, times = 1) => {
      for (let given = 0; given < times; given += 1) faults.push(fault)
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>(done => server.close(() => done()))
      closeSync(out)
    },
  }
}

interface Desk {
  keep: (message: SunkMessage) => void
  faults: SlackFault[]
  stamp: () => string
  clock: Clock
}

interface Reply {
  status: number
  headers?: Record<string, string>
  /** Text goes as text, the rest as JSON. */
  body: Json
}

async function answer(request: IncomingMessage, desk: Desk): Promise<Reply> {
  const route = (request.url ?? '').replace(/\?.*$/, '')
  const body = fieldsOf(await readBody(request), request.headers['content-type'] ?? '')
  if (route === '/api/auth.test') {
    return ok({ url: 'http://127.0.0.1/', team: 'local', user: 'millrace', team_id: 'T0', user_id: 'U0' })
  }
  const via = viaOf(route)
  if (via === undefined) return refused('api', 'unknown_method')
  const fault = desk.faults.shift()
  if (fault !== undefined) return faultReply(fault, via)
  const message = messageFrom(body, via, desk)
  if (via !== 'webhook' && message.channel === '') return refused(via, 'channel_not_found')
  if (message.text === '' && message.blocks.length === 0) return refused(via, 'no_text')
  desk.keep(message)
  if (via === 'webhook') return { status: 200, body: 'ok' }
  return ok({ channel: message.channel, ts: message.ts, message: { text: message.text } })
}

function ok(fields: Record<string, Json>): Reply {
  return { status: 200, body: { ok: true, ...fields } }
}

/** The web API says it in the body, a webhook with its status. */
function refused(via: SunkMessage['via'] | 'api', error: string): Reply {
  return via === 'webhook' ? { status: 400, body: error } : { status: 200, body: { ok: false, error } }
}

function faultReply(fault: SlackFault, via: SunkMessage['via']): Reply {
  if ('status' in fault) return { status: fault.status, body: 'fault' }
  if ('error' in fault) return refused(via, fault.error)
  const headers = { 'retry-after': String(fault.retryAfterSeconds) }
  return { status: 429, headers, body: { ok: false, error: 'ratelimited' } }
}

function viaOf(route: string): SunkMessage['via'] | undefined {
  if (route === '/api/chat.postMessage') return 'chat.postMessage'
  if (route === '/api/chat.update') return 'chat.update'
  return route.startsWith('/services/') ? 'webhook' : undefined
}

function messageFrom(
  body: Record<string, Json | undefined>,
  via: SunkMessage['via'],
  desk: Desk,
): SunkMessage {
  const text = (name: string): string => (typeof body[name] === 'string' ? body[name] : '')
  const ts = { 'chat.postMessage': desk.stamp, 'chat.update': () => text('ts'), webhook: () => '' }[via]()
  return {
    at: isoTime(desk.clock.now()),
    via,
    channel: text('channel'),
    ts,
    ...(text('thread_ts') === '' ? {} : { threadTs: text('thread_ts') }),
    text: text('text'),
    blocks: Array.isArray(body.blocks) ? body.blocks : [],
  }
}

/** `<seconds>.<microseconds>`: Slack's name of a message within a channel, so no two alike. */
function stampsOf(clock: Clock, kept: readonly SunkMessage[]): () => string {
  let last = Math.max(0, ...kept.map(message => Math.round(Number(message.ts) * 1000)))
  return () => {
    last = Math.max(clock.now(), last + 1)
    return `${Math.floor(last / 1000)}.${String(last % 1000).padStart(3, '0')}000`
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > requestBytesMax) throw new MillraceError('MALFORMED', 'A message to Slack is too big')
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** JSON, or a form whose structured fields are JSON, as the web API client sends them. */
function fieldsOf(body: string, contentType: string): Record<string, Json | undefined> {
  if (contentType.includes('json')) return JSON.parse(body || '{}') as Record<string, Json>
  const fields = Object.fromEntries(new URLSearchParams(body)) as Record<string, Json>
  if (typeof fields.blocks === 'string') fields.blocks = JSON.parse(fields.blocks) as Json
  return fields
}

/** A line cut short by a kill is the only one that does not parse, and was never answered. */
function readKept(file: string): SunkMessage[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.flatMap(line => {
    try {
      return [JSON.parse(line) as SunkMessage]
    } catch {
      return []
    }
  })
}

function send(response: ServerResponse, { status, headers = {}, body }: Reply): void {
  const text = typeof body === 'string'
  response.writeHead(status, { 'content-type': text ? 'text/plain' : 'application/json', ...headers })
  response.end(text ? body : JSON.stringify(body))
}
