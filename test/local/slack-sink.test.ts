import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { LogLevel, WebClient } from '@slack/web-api'
import { IncomingWebhook } from '@slack/webhook'
import { type SlackSink, startSlackSink } from '../../local/slack-sink.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import { tempDir } from './temp-dir.ts'

async function start(t: TestContext, file = path.join(tempDir(t), 'slack.ndjson')) {
  const sink = await startSlackSink({ file, clock: createMemoryClock(1_700_000_000_000) })
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= sink.stop()
    return stopped
  }
  t.after(stop)
  return { file, sink, stop, client: clientOf(sink) }
}

function clientOf(sink: SlackSink): WebClient {
  return new WebClient('xoxb-local', {
    slackApiUrl: sink.apiUrl,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    logLevel: LogLevel.ERROR,
    allowAbsoluteUrls: false,
  })
}

const post = (client: WebClient, message: { channel: string; text: string }, more: object = {}) =>
  client.apiCall('chat.postMessage', { ...message, ...more }) as Promise<{ ts?: string }>

const blocks = [{ type: 'section' as const, text: { type: 'mrkdwn' as const, text: '*1 < 2* ü + & %' } }]

test('what the ordinary Slack client posts is kept word for word, and each message has its own name', async t => {
  const { sink, client } = await start(t)
  const first = await post(client, { channel: '#alerts', text: 'one ü & +' }, { blocks })
  const second = await post(client, { channel: '#alerts', text: 'two' }, { thread_ts: first.ts })
  assert.match(first.ts ?? '', /^\d{10}\.\d{6}$/)
  assert.notEqual(first.ts, second.ts)
  const [one, two] = sink.messages()
  assert.deepEqual(one?.blocks, blocks)
  assert.equal(one?.text, 'one ü & +')
  assert.equal(one?.channel, '#alerts')
  assert.equal(two?.threadTs, first.ts)
})

test('the token is tested and a message is updated as in Slack; an unknown method is refused', async t => {
  const { sink, client } = await start(t)
  assert.equal((await client.auth.test()).ok, true)
  await client.chat.update({ channel: 'C1', ts: '1700000000.000000', text: 'better' })
  assert.deepEqual(
    sink.messages().map(message => [message.via, message.ts, message.text]),
    [['chat.update', '1700000000.000000', 'better']],
  )
  await assert.rejects(client.apiCall('chat.shout'), /unknown_method/)
})

test('an incoming webhook is taken, and answers no name of the message', async t => {
  const { sink } = await start(t)
  const result = await new IncomingWebhook(sink.webhookUrl).send({ text: 'hello', blocks })
  assert.equal(result.text, 'ok')
  const [message] = sink.messages()
  assert.equal(message?.via, 'webhook')
  assert.equal(message.text, 'hello')
  assert.deepEqual(message.blocks, blocks)
})

test('a message without a channel, or without words, is refused and not kept', async t => {
  const { sink, client } = await start(t)
  await assert.rejects(post(client, { channel: '', text: 'x' }), /channel_not_found/)
  await assert.rejects(post(client, { channel: '#a', text: '' }), /no_text/)
  assert.deepEqual(sink.messages(), [])
})

test('on request it answers 429 with Retry-After or an error, and only as often as asked', async t => {
  const { sink, client } = await start(t)
  sink.answerWith({ retryAfterSeconds: 7 })
  sink.answerWith({ error: 'not_in_channel' })
  sink.answerWith({ status: 503 })
  await assert.rejects(post(client, { channel: '#a', text: '1' }), { retryAfter: 7 })
  await assert.rejects(post(client, { channel: '#a', text: '2' }), /not_in_channel/)
  await assert.rejects(post(client, { channel: '#a', text: '3' }), /503/)
  await post(client, { channel: '#a', text: '4' })
  assert.deepEqual(
    sink.messages().map(message => message.text),
    ['4'],
  )
})

test('messages outlive the sink; a line cut short by a kill spoils neither the others nor the next', async t => {
  const before = await start(t)
  await post(before.client, { channel: '#a', text: 'kept' })
  await before.stop()
  appendFileSync(before.file, '{"at":"2026')
  const { sink, client, stop } = await start(t, before.file)
  await post(client, { channel: '#a', text: 'next' })
  await stop()
  const after = await start(t, before.file)
  for (const messages of [sink.messages(), after.sink.messages()]) {
    assert.deepEqual(
      messages.map(message => message.text),
      ['kept', 'next'],
    )
  }
  assert.equal(new Set(sink.messages().map(message => message.ts)).size, 2)
})
