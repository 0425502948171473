/** What every Chat must do, and how each kind of trouble is told apart. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { errorCodes, isError, MillraceError } from '../../shared/errors.ts'
import type { Chat, ChatMessage } from '../../shared/ports.ts'

export type Trouble =
  | { kind: 'refused'; word: string }
  | { kind: 'throttled'; retryAfterSeconds: number }
  | { kind: 'broken' }

export interface ChatUnderTest {
  chat: Chat
  /** All that was said, as the other side has it. A webhook's have no channel of ours. */
  said(): ChatMessage[]
  /** The next post meets this. */
  meet(trouble: Trouble): void
  /** A webhook neither names messages nor replies in threads. */
  threads: boolean
  dispose(): Promise<void>
}

const message: ChatMessage = {
  channel: '#data-alerts',
  text: 'flights: run failed: s3://drops/ümlaut &amp; more.csv',
  blocks: [{ type: 'section', text: { type: 'mrkdwn', text: 'a `b` &lt;c&gt;\nd' } }],
}

export function chatContract(name: string, open: () => Promise<ChatUnderTest>): void {
  describe(`Chat: ${name}`, () => {
    let world: ChatUnderTest
    beforeEach(async () => {
      world = await open()
    })
    afterEach(async () => {
      await world.dispose()
    })

    it('says text and blocks as they are', async () => {
      await world.chat.post(message)
      const [said] = world.said()
      assert.deepEqual([said?.text, said?.blocks], [message.text, message.blocks])
      if (world.threads) assert.equal(said?.channel, message.channel)
    })

    it('names each message apart, or not at all', async () => {
      const first = await world.chat.post(message)
      const second = await world.chat.post(message)
      if (!world.threads) return assert.deepEqual([first, second], [{}, {}])
      assert.ok(first.ts && second.ts && first.ts !== second.ts)
    })

    it('replies in the thread that it is given', async t => {
      if (!world.threads) return t.diagnostic('not tried: a webhook knows no threads')
      const { ts = '' } = await world.chat.post(message)
      await world.chat.post({ ...message, threadTs: ts })
      assert.deepEqual(
        world.said().map(said => said.threadTs),
        [undefined, ts],
      )
    })

    it('cannot post where Slack refuses it, and says which setting is wrong', async () => {
      world.meet({ kind: 'refused', word: 'channel_not_found' })
      await assert.rejects(world.chat.post(message), error => {
        assert.ok(isError(error, 'CHAT_REFUSED'))
        assert.match(error.remedy ?? '', /notify\.slack/)
        return true
      })
      assert.deepEqual(world.said(), [])
    })

    it('hands on a long wait that Slack asks for, to the millisecond', async () => {
      world.meet({ kind: 'throttled', retryAfterSeconds: 120 })
      await assert.rejects(world.chat.post(message), error => {
        assert.ok(isError(error, 'THROTTLED'))
        assert.equal(error.retryAfterMs, 120_000)
        return true
      })
    })

    it('calls a passing fault one that may be tried again', async () => {
      world.meet({ kind: 'broken' })
      await assert.rejects(world.chat.post(message), error => {
        assert.ok(error instanceof MillraceError)
        assert.equal(error.code, 'TEMPORARY_FAILURE')
        return errorCodes[error.code].retryable
      })
      await world.chat.post(message)
      assert.equal(world.said().length, 1)
    })
  })
}
