/** The spool as a table of typed columns, every value as it stood in the source. */
import type { RunDocument } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { RecordFormat } from '../read/format.ts'
import type { Spool } from '../read/spool.ts'
import { type Planned, plannedColumns } from './columns.ts'
import { castOf, isExact, misfitWords } from './exact.ts'
import { type InputRows, inputOf } from './input.ts'
import { type LineMatch, lineMatchOf } from './lines.ts'
import type { Session } from './session.ts'
import { literal, name } from './text.ts'

const badColumn = '__millrace_bad'
/** DuckDB wants buffers larger than the longest line, and less than all memory. */
const csvBufferBytesMin = 8 * 1024 * 1024

export interface Misfit {
  /** Position among the spooled records, from 0. */
  ordinal: number
  /** Absent: it is the record as a whole that does not fit. */
  column?: string
  reason: string
}

export class Table {
  readonly #session: Session
  readonly #spool: Spool
  readonly #format: Pick<RecordFormat, 'dialect' | 'spooled'>
  readonly #columns: Planned[]
  /** Where a pattern takes lines apart. */
  readonly #match: LineMatch | undefined
  #misfits = 0

  constructor(
    session: Session,
    spool: Spool,
    format: Pick<RecordFormat, 'dialect' | 'spooled'>,
    run: Pick<RunDocument, 'pipeline' | 'source' | 'columns'>,
  ) {
    this.#session = session
    this.#spool = spool
    this.#format = format
    this.#match = lineMatchOf(run.pipeline.source)
    this.#columns = plannedColumns(run, format.spooled, this.#match)
  }

  /**
   * Makes the view `input` of the records whose values all fit. Returns how many do not.
   * Errors: COUNT_MISMATCH where DuckDB saw more or fewer records than our reader wrote.
   */
  async load(): Promise<number> {
    await this.#match?.compile(this.#session)
    const values = this.#columns.map(({ name: title }, at) => `v${at} AS ${name(title)}`)
    const flag = `NOT (${this.#verdicts().join(' AND ') || 'true'}) AS ${badColumn}`
    await this.#session.run(
      `CREATE TABLE loaded AS SELECT ${[...values, flag].join(', ')} FROM ${this.#cast()}`,
    )
    const sql = `SELECT count(*), count(*) FILTER (WHERE ${badColumn}) FROM loaded`
    const [[seen, misfits] = []] = await this.#session.rows(sql)
    this.#reconcile(Number(seen))
    this.#misfits = Number(misfits)
    await this.#session.run(inputOf(this.rows))
    return this.#misfits
  }

  /** What the view `input` is made of. */
  get rows(): InputRows {
    const titles = this.#columns.map(({ name: title }) => name(title)).join(', ')
    const where = this.#misfits === 0 ? {} : { where: `NOT ${badColumn}` }
    return { table: 'loaded', titles, count: this.#spool.records, ...where }
  }

  /** Which records do not fit, and the first column that is why; at most `countMax`, in order. */
  async misfits(countMax: number): Promise<Misfit[]> {
    const unmatched = this.#match ? ['WHEN NOT matched THEN -1'] : []
    const cases = [...unmatched, ...this.#columns.map((_, at) => `WHEN NOT ${this.#fits(at)} THEN ${at}`)]
    const sql = `SELECT ordinal, culprit FROM (
      SELECT row_number() OVER () - 1 AS ordinal, CASE ${cases.join(' ')} END AS culprit FROM ${this.#cast()}
    ) WHERE culprit IS NOT NULL ORDER BY ordinal LIMIT ${countMax}`
    return (await this.#session.rows(sql)).map(([ordinal, culprit]) => {
      const column = this.#columns[Number(culprit)]
      if (column === undefined) return { ordinal: Number(ordinal), reason: this.#match?.reason ?? '' }
      const reason = `The value ${misfitWords(column.type)}.`
      return { ordinal: Number(ordinal), column: column.name, reason }
    })
  }

  /** What must hold of each record, but for what always does. */
  #verdicts(): string[] {
    const fits = this.#columns.map((_, at) => this.#fits(at)).filter(one => one !== 'true')
    return this.#match ? ['matched', ...fits] : fits
  }

  #fits(at: number): string {
    const { type = '', kind = 'true' } = this.#columns[at] ?? {}
    const exact = isExact(type, `t${at}`, `v${at}`)
    return kind === 'true' ? exact : `(coalesce(k${at}, true) AND ${exact})`
  }

  /** In layers, so that nothing is computed twice: text and kind, then value, then verdict. */
  #cast(): string {
    const matched = this.#match ? ['matched'] : []
    const texts = this.#columns.map(({ text, kind }, at) => `${text} AS t${at}, ${kind} AS k${at}`)
    const values = this.#columns.map(({ type }, at) => `t${at}, k${at}, ${castOf(type, `t${at}`)} AS v${at}`)
    const fields = this.#match ? this.#match.fields(this.#csv()) : this.#csv()
    const inner = `(SELECT ${[...matched, ...texts].join(', ')} FROM ${fields})`
    return `(SELECT ${[...matched, ...values].join(', ')} FROM ${inner})`
  }

  /** Every option said: nothing is sniffed, nothing is forgiven. */
  #csv(): string {
    const { delimiter, quote } = this.#format.dialect
    const names = this.#format.spooled.map((_, at) => `c${at}: 'VARCHAR'`)
    const lineBytes = this.#spool.longestBytes + 1024
    return `read_csv(${literal(this.#spool.file)}, auto_detect = false, header = false, skip = 0,
      columns = {${names.join(', ')}}, delim = ${literal(delimiter)}, quote = ${literal(quote)},
      escape = ${literal(quote)}, comment = '', new_line = '\\n', nullstr = '', allow_quoted_nulls = false,
      null_padding = false, strict_mode = true, ignore_errors = false, encoding = 'utf-8', compression = 'none',
      max_line_size = ${lineBytes}, buffer_size = ${Math.max(csvBufferBytesMin, 2 * lineBytes)})`
  }

  #reconcile(seen: number): void {
    if (seen === this.#spool.records) return
    throw new MillraceError(
      'COUNT_MISMATCH',
      `DuckDB saw ${seen} records where our reader cut ${this.#spool.records}`,
      { remedy: 'This is a fault of Millrace; nothing of this partition is published.' },
    )
  }
}
