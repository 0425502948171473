/** What Slack is told of files that did not come in time. Pure. */
import type { ExpectationRecord } from '../expectation.ts'
import type { ChatMessage } from '../ports.ts'
import type { Json } from '../table.ts'
import { amount, code, mrkdwn, shortened } from './mrkdwn.ts'

const headerCharactersMax = 150
const sectionCharactersMax = 3000
const textCharactersMax = 4000
const minuteMs = 60_000

/** All but the channel. Replies in the thread where there is one. `stage`: named in commands unless `local`. */
export function expectationMessage(
  day: ExpectationRecord,
  prefix: string,
  stage: string,
): Omit<ChatMessage, 'channel'> {
  const late = day.state === 'late'
  const headline = late ? 'files came late' : 'files did not come'
  const sign = late ? ':large_green_circle:' : ':alarm_clock:'
  const title = shortened(`${sign} ${day.pipeline}: ${headline}`, headerCharactersMax)
  const blocks: Json[] = [
    { type: 'header', text: { type: 'plain_text', text: title, emoji: true } },
    section(`*Expected* ${expected(day, prefix)}`),
    section(late ? `*Came* ${lateness(day)} after the deadline` : `*Came* ${amount(day.came)}`),
    ...(late ? [] : [section(whatToDo(day, stage))]),
  ]
  const text = mrkdwn(`${day.pipeline}: ${headline}: ${words(day)}`)
  return {
    text: shortened(text, textCharactersMax),
    blocks,
    ...(day.thread?.ts === undefined ? {} : { threadTs: day.thread.ts }),
  }
}

function words({ expect, date, came, state }: ExpectationRecord): string {
  const due = `${amount(expect.files)} ${expect.files === 1 ? 'file' : 'files'} by ${date} ${expect.by} ${expect.timezone}`
  return state === 'late' ? due : `${due}, ${amount(came)} came`
}

function expected({ expect, date }: ExpectationRecord, prefix: string): string {
  const { files, matching, by, timezone } = expect
  const which = matching === undefined ? `below ${code(prefix)}` : `like ${code(matching)}`
  return `${amount(files)} ${files === 1 ? 'file' : 'files'} ${which} by ${mrkdwn(`${date} ${by} ${timezone}`)}`
}

function lateness({ deadline, cameAt = deadline }: ExpectationRecord): string {
  const minutes = Math.max(1, Math.ceil((cameAt - deadline) / minuteMs))
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60]
  return hours === 0 ? `${rest} min` : `${amount(hours)} h ${rest} min`
}

function whatToDo({ pipeline }: ExpectationRecord, stage: string): string {
  const command = `npx millrace audit ${pipeline} --since 2d${stage === 'local' ? '' : ` --stage ${stage}`}`
  return `*What to do* Ask whoever sends them; ${code(command)} says whether they are there and were never loaded.`
}

function section(text: string): Json {
  return { type: 'section', text: { type: 'mrkdwn', text: shortened(text, sectionCharactersMax) } }
}
