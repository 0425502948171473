/** What Slack is told of a run: Block Kit, within Slack's limits. Pure. */
import { failureRules } from '../failure.ts'
import { can } from '../lifecycle.ts'
import type { ChatMessage } from '../ports.ts'
import type { RunRecord } from '../records.ts'
import { remedyOf } from '../remedy.ts'
import { taskName } from '../stages.ts'
import type { Json } from '../table.ts'
import { Occasion, PartitionState } from '../vocabulary.ts'
import type { FailureGroup } from './failure-groups.ts'
import { amount, code, duration, mrkdwn, quoted, shortened } from './mrkdwn.ts'

/** https://docs.slack.dev/reference/block-kit/blocks (types of @slack/web-api 8.2 name the same). */
const headerCharactersMax = 150
const sectionCharactersMax = 3000
/** Slack cuts a message's text at 40,000 and asks for at most 4,000. */
const textCharactersMax = 4000
/** Beyond these a person needs the list, not the message; keeps it far below Slack's 50 blocks. */
const failureGroupsMax = 8
/** Before escaping, which makes up to five of one: so that a section is never cut within its markup. */
const reasonCharactersMax = 400
const partCharactersMax = 250

export interface RunDetails {
  /** How many partitions are in each state; a state left out has none. */
  partitions: Partial<Record<PartitionState, number>>
  failures: FailureGroup[]
  /** Named in the commands wherever it is not `local`. */
  stage?: string
}

const headlines: Record<Occasion, { sign: string; words: string }> = {
  [Occasion.FAILED]: { sign: ':red_circle:', words: 'run failed' },
  [Occasion.REFUSED]: { sign: ':no_entry:', words: 'file refused' },
  [Occasion.RECOVERED]: { sign: ':large_green_circle:', words: 'run succeeded after all' },
  [Occasion.SUCCEEDED]: { sign: ':white_check_mark:', words: 'run succeeded' },
}

/** All but the channel. `now`: epoch ms. Replies in the run's thread where it has one. */
export function runMessage(
  run: RunRecord,
  occasion: Occasion,
  details: RunDetails,
  now: number,
): Omit<ChatMessage, 'channel'> {
  const { sign, words } = headlines[occasion]
  const file = shortened(`s3://${run.source.bucket}/${run.source.key}`, partCharactersMax)
  const blocks: Json[] = [
    {
      type: 'header',
      text: {
        type: 'plain_text',
        text: shortened(`${sign} ${run.pipeline}: ${words}`, headerCharactersMax),
        emoji: true,
      },
    },
    section(facts(run, details, file, now)),
    ...[whyOf(run, occasion)].filter(text => text !== undefined).map(section),
    ...(occasion === Occasion.FAILED ? failureSections(run, details) : []),
    section(commands(run, details)),
    { type: 'context', elements: [{ type: 'mrkdwn', text: `Run ${code(run.runId)}` }] },
  ]
  return {
    text: shortened(summary(run, occasion, details, file), textCharactersMax),
    blocks,
    ...(run.thread?.ts === undefined ? {} : { threadTs: run.thread.ts }),
  }
}

/** One line for notifications: what happened, to which file, why. */
function summary(run: RunRecord, occasion: Occasion, details: RunDetails, file: string): string {
  const first = details.failures[0]
  const why =
    occasion === Occasion.RECOVERED || occasion === Occasion.SUCCEEDED
      ? undefined
      : (run.failure?.words ?? (first && failureRules[first.code].words))
  return mrkdwn(
    `${run.pipeline}: ${headlines[occasion].words}: ${file}${why === undefined ? '' : `: ${why}`}`,
  )
}

function facts(run: RunRecord, details: RunDetails, file: string, now: number): string {
  const { totals } = run
  const lines = [
    `*File* ${code(file)} (${amount(run.source.bytes)} bytes)`,
    run.partitions > 0 ? `*Partitions* ${progress(run, details)}` : undefined,
    totals === undefined
      ? undefined
      : `*Records* ${amount(totals.recordsRead)} read, ${amount(totals.recordsWritten)} written, ${amount(totals.recordsRejected)} rejected`,
    run.certificate === undefined
      ? undefined
      : `*Certificate* ${code(shortened(run.certificate, partCharactersMax))}`,
    `*Since the drop* ${duration(run.createdAt, now)}`,
  ]
  return lines.filter(line => line !== undefined).join('\n')
}

function progress(run: RunRecord, { partitions }: RunDetails): string {
  const succeeded = partitions[PartitionState.SUCCEEDED] ?? 0
  const failed = partitions[PartitionState.FAILED] ?? 0
  return [
    `${amount(succeeded)} of ${amount(run.partitions)} succeeded`,
    ...(failed > 0 ? [`${amount(failed)} failed`] : []),
    run.round === 1 ? 'in 1 round' : `in ${run.round} rounds`,
  ].join(', ')
}

function whyOf({ failure }: RunRecord, occasion: Occasion): string | undefined {
  if (failure === undefined || occasion === Occasion.RECOVERED || occasion === Occasion.SUCCEEDED)
    return undefined
  const words = mrkdwn(shortened(failure.words, partCharactersMax))
  const remedy = mrkdwn(shortened(failure.remedy, partCharactersMax))
  return `*${mrkdwn(failure.code)}*: ${words}\n*What to do* ${remedy}`
}

function failureSections(run: RunRecord, details: RunDetails): Json[] {
  const more = details.failures.slice(failureGroupsMax)
  const sections = details.failures
    .slice(0, failureGroupsMax)
    .map(group => section(failureText(run, group, details.stage)))
  if (more.length === 0) return sections
  const partitions = more.reduce((sum, group) => sum + group.count, 0)
  return [
    ...sections,
    section(`... and ${amount(more.length)} other kinds of failure in ${amount(partitions)} partitions.`),
  ]
}

function failureText(
  run: RunRecord,
  { code: failureCode, count, example }: FailureGroup,
  stage?: string,
): string {
  const remedy = remedyOf(failureCode, example.reason)
  return [
    `*${failureCode}* in ${amount(count)} ${count === 1 ? 'partition' : 'partitions'}: ${failureRules[failureCode].words}`,
    quoted(shortened(example.reason, reasonCharactersMax)),
    ...(remedy === run.failure?.remedy ? [] : [`*What to do* ${mrkdwn(remedy)}`]),
    `*Logs of ${taskName(example.partition)}* ${code(command(stage, 'logs', run.runId, String(example.partition)))}`,
  ].join('\n')
}

function commands(run: RunRecord, { stage }: RunDetails): string {
  const look = `*Look closer* ${code(command(stage, 'show', run.runId))}`
  return can.retry(run.state) === true
    ? `*Retry only what failed* ${code(command(stage, 'retry', run.runId))}\n${look}`
    : look
}

function command(stage: string | undefined, ...words: string[]): string {
  return [
    'npx millrace',
    ...words,
    ...(stage === undefined || stage === 'local' ? [] : ['--stage', stage]),
  ].join(' ')
}

function section(text: string): Json {
  return { type: 'section', text: { type: 'mrkdwn', text: shortened(text, sectionCharactersMax) } }
}
