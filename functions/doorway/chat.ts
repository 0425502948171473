/** Slack, as the secret says how to reach it. */
import { slackSecret } from '../../shared/aws/secrets.ts'
import { systemClock } from '../../shared/clock.ts'
import type { Config } from '../../shared/config.ts'
import type { Chat } from '../../shared/ports.ts'
import { createSlackChat } from '../../shared/slack/chat.ts'

/** The secret is asked for with every message, so that a new one is taken up. */
export function openChat(config: Pick<Config, 'slackSecret'>): Chat {
  return {
    post: async message =>
      createSlackChat({ ...(await slackSecret(config)), clock: systemClock }).post(message),
  }
}
