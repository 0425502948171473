/** Slack in memory: keeps what was said, and refuses on request. */
import type { MillraceError } from '../errors.ts'
import type { Chat, ChatMessage } from '../ports.ts'
import { padded } from '../records.ts'

export interface MemoryChat extends Chat {
  /** Oldest first. */
  readonly messages: readonly (ChatMessage & { ts: string })[]
  /** The next `times` posts throw it and say nothing; `Infinity` until called again with 0. */
  failWith(error: MillraceError, times: number): void
}

export function createMemoryChat(): MemoryChat {
  const messages: (ChatMessage & { ts: string })[] = []
  let failure: { error: MillraceError; timesLeft: number } | undefined
  return {
    messages,
    failWith: (error, times) => {
      failure = { error, timesLeft: times }
    },
    post: async message => {
      if (failure !== undefined && failure.timesLeft > 0) {
        failure.timesLeft -= 1
        throw failure.error
      }
      const ts = `1700000000.${padded(messages.length + 1, 6)}`
      messages.push({ ...structuredClone(message), ts })
      return { ts }
    },
  }
}
