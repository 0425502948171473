/** The spool as a table of typed columns, every value as it stood in the source. */
import type { Column } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { RecordFormat } from '../read/format.ts'
import { wholeObjectColumn } from '../read/formats/ndjson.ts'
import type { Spool } from '../read/spool.ts'
import { castOf, isExact, misfitWords } from './exact.ts'
import type { Session } from './session.ts'
import { literal, name } from './text.ts'

const badColumn = '__millrace_bad'
/** DuckDB wants buffers larger than the longest line, and less than all memory. */
const csvBufferBytesMin = 8 * 1024 * 1024

export interface Misfit {
  /** Position among the spooled records, from 0. */
  ordinal: number
  column: string
  reason: string
}

/** One column on its way: its text in the spool, what must hold of that text's kind, and its type. */
interface Planned extends Column {
  text: string
  kind: string
}

export class Table {
  readonly #session: Session
  readonly #spool: Spool
  readonly #format: RecordFormat
  readonly #columns: Planned[]

  constructor(session: Session, spool: Spool, format: RecordFormat, json: boolean, columns: Column[]) {
    this.#session = session
    this.#spool = spool
    this.#format = format
    this.#columns = json
      ? jsonColumns(columns)
      : columns.map((column, at) => planned(column, `c${at}`, 'true'))
  }

  /**
   * Makes the view `input` of the records whose values all fit. Returns how many do not.
   * Errors: COUNT_MISMATCH where DuckDB saw more or fewer records than our reader wrote.
   */
  async load(): Promise<number> {
    const values = this.#columns.map(({ name: title }, at) => `v${at} AS ${name(title)}`)
    const bad = this.#columns.map((_, at) => this.#fits(at)).filter(fits => fits !== 'true')
    const flag = `NOT (${bad.length === 0 ? 'true' : bad.join(' AND ')}) AS ${badColumn}`
    await this.#session.run(
      `CREATE TABLE loaded AS SELECT ${[...values, flag].join(', ')} FROM ${this.#cast()}`,
    )
    const sql = `SELECT count(*), count(*) FILTER (WHERE ${badColumn}) FROM loaded`
    const [[seen, misfits] = []] = await this.#session.rows(sql)
    this.#reconcile(Number(seen))
    const titles = this.#columns.map(({ name: title }) => name(title)).join(', ')
    const where = misfits === 0n ? '' : ` WHERE NOT ${badColumn}`
    await this.#session.run(`CREATE VIEW input AS SELECT ${titles} FROM loaded${where}`)
    return Number(misfits)
  }

  /** Which records do not fit, and the first column that is why; at most `countMax`, in order. */
  async misfits(countMax: number): Promise<Misfit[]> {
    const cases = this.#columns.map((_, at) => `WHEN NOT ${this.#fits(at)} THEN ${at}`).join(' ')
    const sql = `SELECT ordinal, culprit FROM (
      SELECT row_number() OVER () - 1 AS ordinal, CASE ${cases} END AS culprit FROM ${this.#cast()}
    ) WHERE culprit IS NOT NULL ORDER BY ordinal LIMIT ${countMax}`
    return (await this.#session.rows(sql)).map(([ordinal, culprit]) => {
      const column = this.#columns[Number(culprit)]
      const title = column?.name ?? ''
      return {
        ordinal: Number(ordinal),
        column: title,
        reason: `The value ${misfitWords(column?.type ?? '')}.`,
      }
    })
  }

  #fits(at: number): string {
    const { type = '', kind = 'true' } = this.#columns[at] ?? {}
    const exact = isExact(type, `t${at}`, `v${at}`)
    return kind === 'true' ? exact : `(coalesce(k${at}, true) AND ${exact})`
  }

  /** In layers, so that nothing is computed twice: text and kind, then value, then verdict. */
  #cast(): string {
    const texts = this.#columns.map(({ text, kind }, at) => `${text} AS t${at}, ${kind} AS k${at}`)
    const values = this.#columns.map(({ type }, at) => `t${at}, k${at}, ${castOf(type, `t${at}`)} AS v${at}`)
    return `(SELECT ${values.join(', ')} FROM (SELECT ${texts.join(', ')} FROM ${this.#csv()}))`
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

function planned(column: Column, text: string, kind: string): Planned {
  return { ...column, text, kind }
}

/** A field holds its value's own JSON text: `"a"`, 3.7, true, {"b":1}. */
function jsonColumns(columns: Column[]): Planned[] {
  const own = columns.filter(({ name: title }) => title !== wholeObjectColumn)
  const fields = own.map((column, at) => jsonColumn(column, `c${at + 1}`))
  return [...fields, planned({ name: wholeObjectColumn, type: 'JSON' }, 'c0', 'true')]
}

function jsonColumn(column: Column, field: string): Planned {
  if (column.type === 'JSON') return planned(column, field, 'true')
  if (column.type === 'BOOLEAN') return planned(column, field, `${field} IN ('true', 'false')`)
  // Of all the first bytes a JSON value can have, only a number's lie from '-' to '9'.
  if (/^(SMALLINT|INTEGER|BIGINT|DOUBLE|DECIMAL)/.test(column.type)) {
    return planned(column, field, `ascii(${field}) BETWEEN 45 AND 57`)
  }
  const decoded = `CASE WHEN contains(${field}, '\\') THEN json_extract_string(TRY_CAST(${field} AS JSON), '$') ELSE ${field}[2:-2] END`
  return planned(
    column,
    `CASE WHEN starts_with(${field}, '"') THEN ${decoded} END`,
    `starts_with(${field}, '"')`,
  )
}
