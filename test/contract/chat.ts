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
  dispose(): Promise<void>
}

const message: ChatMessage = {
  channel: '#data-alerts',
  text: 'flights: run failed: s3://drops/ümlaut &amp; more.csv',
  blocks: [{ type: 'section', text: { type: 'mrkdwn', text: 'a `b` &lt;c&gt;\nd' } }],
}

/** `names`: what is posted gets a name, under which there can be replies; an incoming webhook has neither. */
export function chatContract(
  name: string,
  open: () => Promise<ChatUnderTest>,
  { names }: { names: boolean },
): void {
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
      if (names) assert.equal(said?.channel, message.channel)
    })

    if (names) {
      it('names each message apart', async () => {
        const first = await world.chat.post(message)
        const second = await world.chat.post(message)
        assert.ok(first.ts && second.ts && first.ts !== second.ts)
      })

      it('replies in the thread that it is given', async () => {
        const { ts = '' } = await world.chat.post(message)
        await world.chat.post({ ...message, threadTs: ts })
        const threads = world.said().map(said => said.threadTs)
        assert.deepEqual(threads, [undefined, ts])
      })
    } else {
      it('cannot name a message', async () => {
        assert.deepEqual(await world.chat.post(message), {})
      })
    }

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
