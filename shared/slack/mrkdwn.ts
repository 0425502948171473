/** Words for Slack: what data says must never become markup. Pure. */
import { epochMs } from '../clock.ts'

/** Slack's three control characters; with them escaped, no text can mention, link or call a channel. */
export function mrkdwn(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** In a code span. A backtick would end it and has no escape: it becomes an apostrophe. */
export function code(text: string): string {
  return `\`${mrkdwn(text.replaceAll('`', "'").replace(/\s+/g, ' '))}\``
}

/** In a block of its own, lines kept. */
export function quoted(text: string): string {
  return `\`\`\`${mrkdwn(text.replaceAll('`', "'"))}\`\`\``
}

/** Cut to `charactersMax` UTF-16 units with an ellipsis, never inside an escape or a surrogate pair. */
export function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  const cut = text.slice(0, charactersMax - 1).replace(/&[a-z]{0,3}$/, '')
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`
}

/** 1,234,567 */
export function amount(number: number): string {
  return number.toLocaleString('en-US')
}

/** From an ISO time to `now` (epoch ms): `42 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(since: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - epochMs(since)) / 1000))
  const minutes = Math.floor(seconds / 60)
  if (minutes === 0) return `${seconds} s`
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
