/** What known kinds of log are made of. Pure. */

/**
 * How the text of a value is spelled:
 * - `clf-time`: 10/Oct/2000:13:55:36 -0700
 * - `date-and-time`: in two groups, in UTC
 * - `epoch-seconds`
 * - `plain`: as its type has it
 */
export type Notation = 'plain' | 'clf-time' | 'date-and-time' | 'epoch-seconds'

export interface PresetColumn {
  name: string
  type: string
  notation?: Notation
  /** Of the pattern; absent: the one of the column's name. */
  groups?: string[]
}

export interface Preset {
  pattern: string
  columns: PresetColumn[]
  /** Lines that start with it are no records. */
  comment?: string
  /** The line that names the fields: it starts with `start`, and with `whole` where the fields are those known. */
  header?: { start: string; whole: string }
}

const month = 'Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec'
export const clfTime = `\\[(?P<time>\\d{2}/(?:${month})/\\d{4}:\\d{2}:\\d{2}:\\d{2} [+-]\\d{4})\\]`
/** A quote or a backslash in it stands behind a backslash. */
export const inQuotes = '(?:[^"\\\\]|\\\\.)*'
const word = '[^ ]+'
export const anyMore = '(?: .*)?'

export const group = (name: string, of: string = word): string => `(?P<${name}>${of})`
export const quotedGroup = (name: string): string => `"${group(name, inQuotes)}"`
/** The request line, and its parts where it has all of them. */
export const request = (target: string): string =>
  `"(?P<request>(?P<method>[^" \\\\]+) (?P<${target}>(?:[^" \\\\]|\\\\.)+) (?P<protocol>[^" \\\\]+)|${inQuotes})"`
/** Groups of which the last ones may be missing. */
export const optionalTail = (parts: string[]): string =>
  parts.reduceRight((behind, part) => `(?: ${part}${behind})?`, anyMore)
/** Columns of one type. */
export const all = (type: string, names: string): PresetColumn[] =>
  names.split(' ').map(name => ({ name, type }))
export const time: PresetColumn = { name: 'time', type: 'TIMESTAMPTZ', notation: 'clf-time' }
