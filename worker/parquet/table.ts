/** The rows of some row groups as a table, every value as the file has it or not taken at all. */
import type { RunDocument } from '../../shared/documents.ts'
import { rejectedRawBytesMax } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { ParquetColumn } from '../../shared/parquet/columns.ts'
import { type InputRows, selectOf } from '../duckdb/input.ts'
import { jsonText } from '../duckdb/json-line.ts'
import type { Session } from '../duckdb/session.ts'
import { literal, name } from '../duckdb/text.ts'
import { type OwnType, type Taken, takenColumns } from './columns.ts'

/** Of one file at a time. */
export const loadedTable = 'loaded'
const culpritColumn = '__millrace_culprit'
const rawColumn = '__millrace_raw'
/** Misfits fetched at a time: their records as JSON may be long. */
const misfitsPerQuery = 1000

export interface ParquetMisfit {
  /** Of the row among all at hand, from 0. */
  ordinal: number
  column: string
  reason: string
  /** The row as JSON. */
  raw: string
}

export class ParquetTable {
  readonly #session: Session
  readonly #scan: string
  #columns: Taken[] = []
  #misfits = 0
  #records = 0
  /** Members of a struct: only what was fetched can be read. */
  #fields: string[] = []

  constructor(session: Session, file: string) {
    this.#session = session
    this.#scan = `read_parquet(${literal(file)}, hive_partitioning = false, binary_as_string = false)`
  }

  /**
   * Makes the table `loadedTable`. Returns how many of its rows have values that do not fit.
   * Errors: BAD_INPUT with DuckDB's words, COUNT_MISMATCH where it sees more or fewer rows than `records`.
   */
  async load(
    run: Pick<RunDocument, 'pipeline' | 'source' | 'columns'>,
    found: readonly ParquetColumn[],
    records: number,
  ): Promise<number> {
    const types = await this.#types()
    this.#columns = takenColumns(run, found, title => types.get(title))
    const fetched = run.columns.map(({ name: title }) => title).filter(title => types.has(title))
    this.#fields = fetched.map(title => `${name(title)}: ${name(title)}`)
    const values = this.#columns.map(({ name: title, value }) => `${value} AS ${name(title)}`)
    const select = [...values, ...this.#verdict()].join(', ')
    await this.#session.run(`CREATE TABLE ${loadedTable} AS SELECT ${select} FROM ${this.#scan}`, 'BAD_INPUT')
    const bad = this.#isChecked ? `count(${culpritColumn})` : '0'
    const [[seen, misfits] = []] = await this.#session.rows(`SELECT count(*), ${bad} FROM ${loadedTable}`)
    reconcile(Number(seen), records)
    this.#misfits = Number(misfits)
    this.#records = records
    return this.#misfits
  }

  /** What a view of the rows whose values all fit is made of. */
  get rows(): InputRows {
    const titles = this.#columns.map(({ name: title }) => name(title)).join(', ')
    const where = this.#misfits === 0 ? {} : { where: `${culpritColumn} IS NULL` }
    return { table: loadedTable, titles, count: this.#records, ...where }
  }

  get fitting(): number {
    return this.#records - this.#misfits
  }

  /** SELECT of the rows whose values all fit. */
  get sound(): string {
    return selectOf(this.rows)
  }

  /** The rows that do not fit, in order, each with the first column that is why. */
  async *misfits(countMax: number): AsyncGenerator<ParquetMisfit> {
    let behind = -1
    for (let count = 0; count < countMax; count += misfitsPerQuery) {
      const rows = await this.#session.rows(
        `SELECT rowid, ${culpritColumn}, ${rawColumn} FROM ${loadedTable}
         WHERE ${culpritColumn} IS NOT NULL AND rowid > ${behind} ORDER BY rowid LIMIT ${misfitsPerQuery}`,
      )
      for (const [ordinal, culprit, raw] of rows) {
        const { name: column = '', misfit = '' } = this.#columns[Number(culprit)] ?? {}
        yield { ordinal: Number(ordinal), column, reason: `The value ${misfit}.`, raw: String(raw) }
        behind = Number(ordinal)
      }
      if (rows.length < misfitsPerQuery) return
    }
  }

  get #isChecked(): boolean {
    return this.#columns.some(({ fits }) => fits !== 'true')
  }

  /** Where all always fit, nothing is looked at. */
  #verdict(): string[] {
    if (!this.#isChecked) return []
    const cases = this.#columns.flatMap(({ fits }, at) =>
      fits === 'true' ? [] : [`WHEN NOT ${fits} THEN ${at}`],
    )
    const culprit = `CASE ${cases.join(' ')} END AS ${culpritColumn}`
    const row = `left(CAST(to_json({${this.#fields.join(', ')}}) AS VARCHAR), ${rejectedRawBytesMax})`
    return [culprit, `CASE WHEN ${culpritColumn} IS NOT NULL THEN ${row} END AS ${rawColumn}`]
  }

  async #types(): Promise<Map<string, OwnType>> {
    const rows = await this.#session.rows(`DESCRIBE SELECT * FROM ${this.#scan}`, 'BAD_INPUT')
    const columns = await this.#session.columns(`FROM ${this.#scan}`)
    const types = new Map(rows.map(([title, type]) => [String(title), ourName(String(type))]))
    return new Map(
      columns.map(({ title, type }) => [
        title,
        { name: types.get(title) ?? type.words, json: jsonText(name(title), type) },
      ]),
    )
  }
}

function ourName(type: string): string {
  return type === 'TIMESTAMP WITH TIME ZONE' ? 'TIMESTAMPTZ' : type
}

function reconcile(seen: number, records: number): void {
  if (seen === records) return
  throw new MillraceError(
    'COUNT_MISMATCH',
    `DuckDB saw ${seen} rows where the file's footer counts ${records}`,
    {
      remedy: 'The file contradicts itself; nothing of this partition is published.',
    },
  )
}
