/** The rows of one file after another as one `input`, in their order. */
import type { MillraceError } from '../../shared/errors.ts'
import type { SourceObject } from '../../shared/records.ts'
import { type InputRows, inputOf } from '../duckdb/input.ts'
import type { Session } from '../duckdb/session.ts'
import { refusedObject } from '../read/object-fault.ts'
import { loadedTable, type ParquetTable } from './table.ts'

const joinedTable = 'joined'

/** A single file's rows stay where they were loaded: nothing is copied. */
export class JoinedRows {
  readonly #session: Session
  #taken: { table: ParquetTable; source: SourceObject } | undefined
  /** Names and types of the columns that are joined. */
  #shape: string | undefined
  #titles = '*'
  #count = 0

  constructor(session: Session) {
    this.#session = session
  }

  /** The file that was loaded last. */
  take(table: ParquetTable, source: SourceObject): void {
    this.#taken = { table, source }
  }

  /** For the next file to be loaded. Errors: BAD_INPUT (refusal COLUMN_TYPES_DIFFER). */
  async makeRoom(): Promise<void> {
    if (this.#taken === undefined) return
    const { table, source } = this.#taken
    const shape = JSON.stringify(await this.#session.rows(`DESCRIBE ${table.sound}`))
    if (this.#shape !== undefined && shape !== this.#shape) throw otherTypes(source)
    const into = this.#shape === undefined ? `CREATE TABLE ${joinedTable} AS` : `INSERT INTO ${joinedTable}`
    await this.#session.run(`${into} ${table.sound}`)
    this.#titles = table.rows.titles
    this.#count += table.fitting
    await this.#session.run(`DROP TABLE ${loadedTable}`)
    this.#shape = shape
    this.#taken = undefined
  }

  /**
   * Makes the view `input` of all that was taken. Answers what it is made of; `joined`: of the rows that fit of
   * several files, else of all rows of a single one. Errors: as above.
   */
  async makeInput(): Promise<{ rows: InputRows; joined: boolean }> {
    if (this.#shape !== undefined) await this.makeRoom()
    const single = this.#taken?.table.rows
    const rows = single ?? { table: joinedTable, titles: this.#titles, count: this.#count }
    await this.#session.run(inputOf(rows))
    return { rows, joined: single === undefined }
  }
}

/** DuckDB would convert what is nested without a word, and round it. */
function otherTypes(source: SourceObject): MillraceError {
  return refusedObject(source, {
    code: 'COLUMN_TYPES_DIFFER',
    words: 'DuckDB reads a nested column of it as another type than that of the objects before it',
    remedy: 'Declare nested columns as JSON, or load that object by itself.',
  })
}
