/** What Slack answered, in our words, each refusal with the setting that cures it. Pure. */
import { MillraceError } from '../errors.ts'

/** How long Slack asks us to wait where it does not say. */
const retryAfterMsDefault = 30_000

const secretRemedy =
  'Put a valid bot token ("botToken") or webhook URL ("webhookUrl") into the secret that MILLRACE_SLACK_SECRET names.'
const channelRemedy =
  'Correct notify.slack in the pipeline: a #channel or channel id of the workspace that the secret belongs to.'
const ownFaultRemedy = 'The message breaks a limit of Slack; this is a fault of Millrace, please report it.'
const adminRemedy = 'A setting of the Slack workspace forbids it; ask its administrator to let the app post.'

/** https://docs.slack.dev/reference/methods/chat.postMessage#errors and the incoming webhooks' own. */
const remedies: Readonly<Record<string, string>> = {
  channel_not_found: `${channelRemedy} A private channel must have invited the app (/invite).`,
  not_in_channel:
    'Invite the app to the channel that notify.slack names (/invite), or give it chat:write.public.',
  is_archived: 'The channel that notify.slack names is archived: name another in the pipeline.',
  channel_is_archived: "The webhook's channel is archived: make a new webhook and put it into the secret.",
  invalid_auth: secretRemedy,
  not_authed: secretRemedy,
  account_inactive: secretRemedy,
  token_revoked: secretRemedy,
  token_expired: secretRemedy,
  no_service: secretRemedy,
  no_service_id: secretRemedy,
  no_team: secretRemedy,
  team_disabled: secretRemedy,
  invalid_token: secretRemedy,
  missing_scope: 'Give the Slack app the scope chat:write (OAuth & Permissions), and install it again.',
  not_allowed_token_type: 'The secret must hold a bot token (xoxb-...), not a user or app token.',
  no_permission: adminRemedy,
  restricted_action: adminRemedy,
  restricted_action_read_only_channel: adminRemedy,
  posting_to_general_channel_denied: adminRemedy,
  action_prohibited: adminRemedy,
  access_denied: adminRemedy,
  ekm_access_denied: adminRemedy,
  org_login_required: adminRemedy,
  invalid_blocks: ownFaultRemedy,
  invalid_blocks_format: ownFaultRemedy,
  invalid_payload: ownFaultRemedy,
  msg_too_long: ownFaultRemedy,
  no_text: ownFaultRemedy,
}
const passing: ReadonlySet<string> = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'rollup_error',
  'team_added_to_org',
])

/** `word`: Slack's own, such as `channel_not_found`. */
export function slackRefusal(word: string, channel: string): MillraceError {
  if (word === 'ratelimited' || word === 'rate_limited' || word === 'message_limit_exceeded') {
    return slackThrottled(undefined)
  }
  if (passing.has(word)) return new MillraceError('TEMPORARY_FAILURE', `Slack answered ${word}`)
  return new MillraceError('CHAT_REFUSED', `Slack refused the message for ${channel}: ${word}`, {
    remedy:
      remedies[word] ?? `Look "${word}" up among the errors of Slack's chat.postMessage. ${secretRemedy}`,
  })
}

/** `retryAfter`: the header as it came, in seconds. */
export function slackThrottled(retryAfter: string | undefined): MillraceError {
  const seconds = Number(retryAfter)
  const retryAfterMs =
    retryAfter !== undefined && seconds >= 0 ? Math.ceil(seconds * 1000) : retryAfterMsDefault
  return new MillraceError('THROTTLED', `Slack asks to wait ${retryAfterMs} ms`, { retryAfterMs })
}
