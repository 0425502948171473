/** Lines taken apart by a pattern: SQL over the spool's only field `c0`, whose groups are then in the struct `m`. */
import { MillraceError } from '../../shared/errors.ts'
import { type LinePattern, linePatternOf, type PatternColumn } from '../../shared/line-patterns.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import type { Session } from './session.ts'
import { literal, name } from './text.ts'

/** The whole line, as the pattern matched it: DuckDB gives '' where nothing matched. */
const wholeGroup = '__line'
const months = "['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']"

/** `undefined` where lines stay as they are. */
export function lineMatchOf(source: Pipeline['source']): LineMatch | undefined {
  const pattern = source.format === 'lines' ? linePatternOf(source) : undefined
  return pattern && new LineMatch(pattern)
}

export class LineMatch {
  readonly reason: string
  readonly #pattern: LinePattern
  readonly #columns: Map<string, PatternColumn>

  constructor(pattern: LinePattern) {
    this.#pattern = pattern
    this.#columns = new Map(pattern.columns.map(column => [column.name, column]))
    this.reason =
      pattern.title === 'pattern'
        ? 'The line does not match source.pattern.'
        : `The line is none of ${pattern.title}.`
  }

  /** Errors: BAD_INPUT where RE2 does not take the pattern, for its size or because it knows it otherwise. */
  async compile(session: Session): Promise<void> {
    try {
      await session.rows(`SELECT regexp_extract('', ${this.#expression()}, ${this.#groups()})`)
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause)
      throw new MillraceError('BAD_INPUT', `source.pattern cannot be compiled: ${said}`, {
        refusal: 'PATTERN_NOT_COMPILED',
        remedy: 'Correct or shorten source.pattern in the pipeline, deploy, and drop the file again.',
        cause,
      })
    }
  }

  /** The fields of the spool, with `m` and `matched`. No record is an empty line. */
  fields(from: string): string {
    const found = `regexp_extract(c0, ${this.#expression()}, ${this.#groups()}) AS m`
    return `(SELECT *, m.${name(wholeGroup)} = c0 AS matched FROM (SELECT *, ${found} FROM ${from}))`
  }

  /** The text of a column; `undefined` where it is none of the pattern's. */
  text(title: string): string | undefined {
    const column = this.#columns.get(title)
    if (column === undefined) return undefined
    const [first = '', second = ''] = column.groups.map(group => this.#value(group))
    if (column.notation === 'clf-time') return clfTime(first)
    if (column.notation === 'date-and-time') return `${first} || ' ' || ${second} || 'Z'`
    if (column.notation === 'epoch-seconds') return epochSeconds(first)
    return first
  }

  #value(group: string): string {
    const text = `m.${name(group)}`
    return this.#pattern.dashIsNull
      ? `CASE WHEN ${text} NOT IN ('', '-') THEN ${text} END`
      : `nullif(${text}, '')`
  }

  #expression(): string {
    return literal(`^(${this.#pattern.pattern})$`)
  }

  #groups(): string {
    return `[${[wholeGroup, ...this.#pattern.groups].map(literal).join(', ')}]`
  }
}

/** `10/Oct/2000:13:55:36 -0700` as `2000-10-10 13:55:36-07:00`. */
function clfTime(text: string): string {
  const month = `lpad(CAST(list_position(${months}, t[4:6]) AS VARCHAR), 2, '0')`
  const iso = `t[8:11] || '-' || ${month} || '-' || t[1:2] || ' ' || t[13:20] || t[22:24] || ':' || t[25:26]`
  return iso.replaceAll(/\bt\[/g, `(${text})[`)
}

/** More digits than years have are left as they are, and no TIMESTAMPTZ. */
function epochSeconds(text: string): string {
  const seconds = `TRY_CAST(${text} AS BIGINT)`
  const iso = `strftime(make_timestamp(${seconds} * 1000000), '%Y-%m-%d %H:%M:%SZ')`
  return `CASE WHEN regexp_full_match(${text}, '[0-9]{1,11}') THEN ${iso} ELSE ${text} END`
}
