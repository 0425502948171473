/** The world of a function in AWS, wired once at cold start. */
import { createAwsPorts } from '../../shared/aws/ports.ts'
import { slackSecret } from '../../shared/aws/secrets.ts'
import { systemClock } from '../../shared/clock.ts'
import { configFrom, environment } from '../../shared/config.ts'
import { pipelineSet } from '../../shared/pipelines.ts'
import type { Chat, Log } from '../../shared/ports.ts'
import { createSlackChat } from '../../shared/slack/chat.ts'
import type { World } from '../../shared/world.ts'

let wired: Promise<Omit<World, 'log'>> | undefined

/** Errors: CONFIG_INVALID, PIPELINE_INVALID; the next invocation tries again. */
export async function wireWorld(log: Log): Promise<World> {
  wired ??= wire().catch(error => {
    wired = undefined
    throw error
  })
  return { ...(await wired), log }
}

async function wire(): Promise<Omit<World, 'log'>> {
  const config = configFrom(environment())
  // The bundle has the user's pipelines compiled in under this name; see build.ts.
  const { definitions } = await import('millrace:pipelines')
  const files = Object.fromEntries(definitions.map(({ file, definition }) => [file, definition]))
  return {
    ...createAwsPorts(config),
    chat: lazyChat(config.slackSecret),
    config,
    pipelines: pipelineSet(files),
  }
}

/** Only notify ever posts; the other functions may not read the secret. */
function lazyChat(secret: string): Chat {
  return {
    post: async message => {
      const access = await slackSecret({ slackSecret: secret })
      return createSlackChat({ ...access, clock: systemClock }).post(message)
    },
  }
}
