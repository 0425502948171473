/** Slack as our Chat: by a bot token (chat.postMessage) or by an incoming webhook. */
import { type KnownBlock, type Logger, LogLevel, WebAPIPlatformError, WebClient } from '@slack/web-api'
import { IncomingWebhook } from '@slack/webhook'
import { isError, MillraceError } from '../errors.ts'
import type { Chat, ChatMessage, Clock } from '../ports.ts'
import { slackRefusal, slackThrottled } from './faults.ts'

/** Waited within one call; a longer Retry-After goes to the caller, who pays for the time. */
const retryAfterWaitMsMax = 5_000
const postAttemptsMax = 3
const answerTimeoutMs = 10_000
/** A word, if Slack said it; else the page of some proxy. */
const refusalCharactersMax = 200

export interface SlackChatOptions {
  botToken?: string
  /** Posts to its own channel whatever the message's, outside any thread, and names no `ts`. */
  webhookUrl?: string
  /** Default: Slack's own. For tests and the local sink. */
  apiUrl?: string
  clock: Clock
}

/** One answer of Slack, whatever client asked. `body`: of a refusal. */
interface Answer {
  status?: number
  retryAfter?: string | undefined
  body?: string
}

/**
 * The bot token wins where both are given. Errors of `post`: those of the Chat port; CHAT_REFUSED also where neither
 * is given. No error carries the token or the webhook's URL.
 */
export function createSlackChat(options: SlackChatOptions): Chat {
  const post = poster(options)
  return { post: message => postPatiently(options.clock, message, post) }
}

type Post = (message: ChatMessage) => Promise<{ ts?: string }>

function poster({ botToken, webhookUrl, apiUrl }: SlackChatOptions): Post {
  if (botToken) return byToken(botToken, apiUrl)
  if (webhookUrl && URL.canParse(webhookUrl)) return byWebhook(webhookUrl)
  return async () => {
    const words = webhookUrl ? 'The webhook URL is no URL' : 'Slack is not set up'
    throw new MillraceError('CHAT_REFUSED', words, {
      remedy:
        'Put {"botToken": ...} or {"webhookUrl": ...} into the secret that MILLRACE_SLACK_SECRET names.',
    })
  }
}

async function postPatiently(clock: Clock, message: ChatMessage, post: Post): Promise<{ ts?: string }> {
  let waitedMs = 0
  for (let attempt = 1; ; attempt++) {
    try {
      return await post(message)
    } catch (error) {
      const waitMs = isError(error, 'THROTTLED') ? error.retryAfterMs : undefined
      if (waitMs === undefined || attempt === postAttemptsMax || waitedMs + waitMs > retryAfterWaitMsMax)
        throw error
      await clock.sleep(waitMs)
      waitedMs += waitMs
    }
  }
}

function byToken(botToken: string, apiUrl: string | undefined): Post {
  return message =>
    translated(message.channel, async fetch => {
      const client = new WebClient(botToken, {
        ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
        retryConfig: { retries: 0 },
        rejectRateLimitedCalls: true,
        timeout: answerTimeoutMs,
        logger: silent,
        fetch,
      })
      const answer: object = await client.apiCall('chat.postMessage', {
        channel: message.channel,
        text: message.text,
        blocks: message.blocks,
        ...(message.threadTs === undefined ? {} : { thread_ts: message.threadTs }),
        unfurl_links: false,
        unfurl_media: false,
      })
      return 'ts' in answer ? { ts: String(answer.ts) } : {}
    })
}

function byWebhook(webhookUrl: string): Post {
  return message =>
    translated(message.channel, async fetch => {
      const webhook = new IncomingWebhook(webhookUrl, { fetch, timeout: answerTimeoutMs })
      // Ours is the plain JSON that Slack documents; the SDK types every block apart.
      const blocks = message.blocks as unknown as KnownBlock[]
      await webhook.send({ text: message.text, blocks, unfurl_links: false, unfurl_media: false })
      return {}
    })
}

/**
 * Neither client hands on Retry-After in every case (a webhook never does): the answer's own status and header
 * decide, seen by the `fetch` that both are given.
 */
async function translated(
  channel: string,
  send: (fetch: typeof globalThis.fetch) => Promise<{ ts?: string }>,
): Promise<{ ts?: string }> {
  const answer: Answer = {}
  try {
    return await send(async (url, init) => {
      const response = await globalThis.fetch(url, init)
      answer.status = response.status
      answer.retryAfter = response.headers.get('retry-after') ?? undefined
      if (!response.ok) answer.body = await response.clone().text()
      return response
    })
  } catch (error) {
    throw fault(channel, answer, error)
  }
}

function fault(channel: string, answer: Answer, error: unknown): MillraceError {
  const { status, retryAfter } = answer
  if (status === 429) return slackThrottled(retryAfter)
  if (error instanceof WebAPIPlatformError) return slackRefusal(error.data.error, channel)
  if (status === undefined || status >= 500) {
    const words = status === undefined ? 'Slack could not be reached' : `Slack answered ${status}`
    return new MillraceError('TEMPORARY_FAILURE', words, { cause: error })
  }
  return slackRefusal(answer.body?.trim().slice(0, refusalCharactersMax) || `status ${status}`, channel)
}

/** The SDK's own logger writes to the console past our log's fields. */
const silent: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  setLevel: () => {},
  getLevel: () => LogLevel.ERROR,
  setName: () => {},
}
