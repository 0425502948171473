import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { isError } from '../../shared/errors.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import type { Chat, ChatMessage, Clock } from '../../shared/ports.ts'
import { createSlackChat } from '../../shared/slack/chat.ts'
import { type LoopbackSlack, type SlackAnswer, startLoopbackSlack } from './loopback.ts'

const token = 'xoxb-1234-very-secret'
const message: ChatMessage = { channel: '#data', text: 'told', blocks: [] }
const wait = (seconds: number): SlackAnswer => ({
  status: 429,
  headers: { 'retry-after': String(seconds) },
  body: 'ratelimited',
})

describe('Slack', () => {
  let slack: LoopbackSlack
  let slept: number[]
  let clock: Clock
  let byToken: Chat
  let byWebhook: Chat

  beforeEach(async () => {
    slack = await startLoopbackSlack()
    slept = []
    const time = createMemoryClock(0)
    clock = {
      ...time,
      sleep: async ms => {
        slept.push(ms)
      },
    }
    byToken = createSlackChat({ botToken: token, apiUrl: slack.apiUrl, clock })
    byWebhook = createSlackChat({ webhookUrl: slack.webhookUrl, clock })
  })
  afterEach(async () => {
    await slack.stop()
  })

  it('is given the bot token in the header alone, and asked to unfold no links', async () => {
    await byToken.post(message)
    const [request] = slack.requests
    assert.equal(request?.authorization, `Bearer ${token}`)
    assert.ok(!JSON.stringify(request.fields).includes(token))
    assert.deepEqual([request.fields.unfurl_links, request.fields.unfurl_media], ['false', 'false'])
  })

  it('is asked again after a short wait, by token and by webhook', async () => {
    for (const chat of [byToken, byWebhook]) {
      slack.answerWith(wait(1), wait(2))
      await chat.post(message)
    }
    assert.deepEqual(slept, [1000, 2000, 1000, 2000])
    assert.equal(slack.taken.length, 2)
  })

  it('is not waited for longer than 5 seconds in one call', async () => {
    slack.answerWith(wait(4), wait(2))
    await assert.rejects(
      byToken.post(message),
      error => isError(error, 'THROTTLED') && error.retryAfterMs === 2000,
    )
    assert.deepEqual(slept, [4000])
  })

  it('is asked three times at most', async () => {
    slack.answerWith(wait(0), wait(0), wait(0))
    await assert.rejects(byToken.post(message), error => isError(error, 'THROTTLED'))
    assert.equal(slack.requests.length, 3)
  })

  it('that throttles without saying for how long is given half a minute', async () => {
    for (const headers of [{}, { 'retry-after': 'soon' }]) {
      slack.answerWith({ status: 429, headers, body: '' })
      await assert.rejects(
        byToken.post(message),
        error => isError(error, 'THROTTLED') && error.retryAfterMs === 30_000,
      )
    }
  })

  it('that cannot be reached is a passing fault, asked once', async () => {
    await slack.stop()
    for (const chat of [byToken, byWebhook]) {
      await assert.rejects(chat.post(message), error => isError(error, 'TEMPORARY_FAILURE'))
    }
    assert.deepEqual(slept, [])
    slack = await startLoopbackSlack()
  })

  it('that has a fault of its own is a passing fault, whatever the status', async () => {
    slack.answerWith({ body: { ok: false, error: 'internal_error' } })
    await assert.rejects(byToken.post(message), error => isError(error, 'TEMPORARY_FAILURE'))
  })

  const settings: Record<string, RegExp> = {
    channel_not_found: /notify\.slack.*\/invite/,
    not_in_channel: /\/invite/,
    is_archived: /notify\.slack/,
    invalid_auth: /MILLRACE_SLACK_SECRET/,
    token_revoked: /MILLRACE_SLACK_SECRET/,
    missing_scope: /chat:write/,
    restricted_action: /administrator/,
    invalid_blocks: /report/,
    something_new: /chat\.postMessage/,
  }
  for (const [word, setting] of Object.entries(settings)) {
    it(`that answers ${word} is a refusal whose remedy names the setting`, async () => {
      slack.answerWith({ body: { ok: false, error: word } })
      await assert.rejects(byToken.post(message), error => {
        assert.ok(isError(error, 'CHAT_REFUSED'))
        assert.match(error.remedy ?? '', setting)
        assert.match(error.message, new RegExp(word))
        return true
      })
    })
  }

  it('cannot be posted to without a token or a webhook, or with a webhook that is no URL', async () => {
    for (const options of [{}, { webhookUrl: 'hooks.slack.com/no-scheme' }]) {
      await assert.rejects(createSlackChat({ ...options, clock }).post(message), error => {
        assert.ok(isError(error, 'CHAT_REFUSED'))
        assert.match(error.remedy ?? '', /MILLRACE_SLACK_SECRET/)
        assert.ok(!inspect(error).includes('no-scheme'))
        return true
      })
    }
  })

  it('cannot be made to give away the token or the webhook in an error', async () => {
    const troubles: SlackAnswer[] = [
      { status: 500, body: 'x' },
      { status: 403, body: 'action_prohibited' },
      { status: 404, body: 'no_service' },
      { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' },
      wait(100),
    ]
    for (const chat of [byToken, byWebhook]) {
      for (const trouble of troubles) {
        slack.answerWith(trouble)
        await assert.rejects(chat.post(message), error => {
          const words = inspect(error, { depth: 20, showHidden: true })
          assert.ok(!words.includes(token) && !words.includes('topsecret'), words)
          return true
        })
      }
    }
  })
})
