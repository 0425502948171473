import { MillraceError } from '../../shared/errors.ts'
import { createMemoryChat } from '../../shared/memory/chat.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import type { ChatMessage } from '../../shared/ports.ts'
import { createSlackChat } from '../../shared/slack/chat.ts'
import type { Json } from '../../shared/table.ts'
import { type LoopbackSlack, type SlackAnswer, startLoopbackSlack } from '../slack/loopback.ts'
import { chatContract, type Trouble } from './chat.ts'

chatContract(
  'in memory',
  async () => {
    const chat = createMemoryChat()
    return {
      chat,
      said: () => [...chat.messages],
      meet: trouble => chat.failWith(memoryFault(trouble), 1),
      dispose: async () => {},
    }
  },
  { names: true },
)

chatContract(
  'Slack by bot token',
  async () => {
    const slack = await startLoopbackSlack()
    return {
      chat: createSlackChat({ botToken: 'xoxb-test', apiUrl: slack.apiUrl, clock: createMemoryClock(0) }),
      said: () => said(slack),
      meet: trouble => slack.answerWith(apiAnswer(trouble)),
      dispose: slack.stop,
    }
  },
  { names: true },
)

chatContract(
  'Slack by webhook',
  async () => {
    const slack = await startLoopbackSlack()
    return {
      chat: createSlackChat({ webhookUrl: slack.webhookUrl, clock: createMemoryClock(0) }),
      said: () => said(slack),
      meet: trouble => slack.answerWith(webhookAnswer(trouble)),
      dispose: slack.stop,
    }
  },
  { names: false },
)

function said({ taken }: LoopbackSlack): ChatMessage[] {
  return taken.map(({ fields }) => ({
    channel: String(fields.channel),
    text: String(fields.text),
    blocks: fields.blocks as Json[],
    ...(fields.thread_ts === undefined ? {} : { threadTs: String(fields.thread_ts) }),
  }))
}

function memoryFault(trouble: Trouble): MillraceError {
  if (trouble.kind === 'broken') return new MillraceError('TEMPORARY_FAILURE', 'down')
  return trouble.kind === 'throttled'
    ? new MillraceError('THROTTLED', 'wait', { retryAfterMs: trouble.retryAfterSeconds * 1000 })
    : new MillraceError('CHAT_REFUSED', trouble.word, { remedy: 'Correct notify.slack' })
}

function apiAnswer(trouble: Trouble): SlackAnswer {
  if (trouble.kind === 'refused') return { body: { ok: false, error: trouble.word } }
  return webhookAnswer(trouble)
}

function webhookAnswer(trouble: Trouble): SlackAnswer {
  if (trouble.kind === 'broken') return { status: 503, body: 'upstream' }
  if (trouble.kind === 'refused') return { status: 404, body: trouble.word }
  return { status: 429, headers: { 'retry-after': String(trouble.retryAfterSeconds) }, body: 'ratelimited' }
}
