/** How to reach Slack, from Secrets Manager. */
import { getSecret } from '@aws-lambda-powertools/parameters/secrets'
import type { Config } from '../config.ts'
import { MillraceError } from '../errors.ts'
import { awsFault } from './faults.ts'

/** A rotated secret is taken up within this time; until then no call is made. */
const keptSeconds = 300

export interface SlackAccess {
  botToken?: string
  webhookUrl?: string
}

/**
 * Nothing where no secret is configured. Errors: CONFIG_INVALID where the secret is not one of the two shapes,
 * REQUEST_REFUSED, THROTTLED, TEMPORARY_FAILURE. No error carries any part of the secret.
 */
export async function slackSecret({ slackSecret: name }: Pick<Config, 'slackSecret'>): Promise<SlackAccess> {
  if (name === '') return {}
  const secret = await getSecret(name, { maxAge: keptSeconds }).catch((error: unknown) => {
    const cause = error instanceof Error ? (error.cause ?? error) : error
    throw awsFault(`GetSecretValue ${name}`, cause)
  })
  const { botToken, webhookUrl } = parsed(secret)
  if (typeof botToken === 'string') return { botToken }
  if (typeof webhookUrl === 'string') return { webhookUrl }
  throw new MillraceError('CONFIG_INVALID', `The secret ${name} names neither botToken nor webhookUrl`, {
    remedy: `Store {"botToken": "xoxb-..."} or {"webhookUrl": "https://..."} in it.`,
  })
}

/** Not Powertools' JSON transform: its error quotes the text that does not parse. */
function parsed(secret: unknown): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(String(secret))
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
