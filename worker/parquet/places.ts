/** Where the rows of a Parquet partition stand in their files, so that those that are rejected can be found. */
import { rejectedRawBytesMax, rejectsPerPartitionMax } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { RowGroup } from '../../shared/parquet/footer.ts'
import type { BadRecord } from '../bisect/search.ts'
import type { InputRows } from '../duckdb/input.ts'
import type { Session } from '../duckdb/session.ts'
import type { Rejects } from '../read/rejects.ts'
import type { ParquetPart } from './part.ts'
import type { ParquetTable } from './table.ts'

/** Rows fetched at a time: as JSON they may be long. */
const rowsPerQuery = 100

/** The rows of one file. */
export class PlacedRows {
  /** Those that do not fit, in order. */
  readonly #misfits: number[] = []
  readonly #records: number
  readonly #groups: { first: number; offset: number }[]
  readonly #firstGroup: number
  readonly #position: ParquetPart['position']

  constructor({ groups, first, position, records }: ParquetPart) {
    let row = 0
    this.#groups = groups.map(group => {
      row += group.records
      return { first: row - group.records, offset: offsetOf(group) }
    })
    this.#records = records
    this.#firstGroup = first
    this.#position = position
  }

  get fitting(): number {
    return this.#records - this.#misfits.length
  }

  /** Of the `ordinal`-th row that fits, from 0: its number among all. */
  rowOf(ordinal: number): number {
    let row = ordinal
    for (const misfit of this.#misfits) {
      if (misfit > row) break
      row++
    }
    return row
  }

  reject(rejects: Rejects, row: number, reason: string, raw: string, column?: string): void {
    const at = this.#groups.findLastIndex(({ first }) => first <= row)
    const { first = 0, offset = 0 } = this.#groups[at] ?? {}
    const place = `Row ${row - first} of row group ${this.#firstGroup + at} (both from 0)`
    rejects.add(this.#position(offset), `${place}: ${reason}`, Buffer.from(raw), column)
  }

  /** Errors: COUNT_MISMATCH where fewer than `count` are found. */
  async rejectMisfits(table: ParquetTable, rejects: Rejects, count: number): Promise<void> {
    const countMax = rejectsPerPartitionMax + 1 - rejects.count
    for await (const { ordinal, column, reason, raw } of table.misfits(countMax)) {
      this.#misfits.push(ordinal)
      this.reject(rejects, ordinal, reason, raw, column)
    }
    rejects.flush()
    const found = this.#misfits.length
    if (found === Math.min(count, countMax)) return
    throw new MillraceError('COUNT_MISMATCH', `${count} rows do not fit, but ${found} are found again`)
  }
}

/**
 * @param parts in the order of their rows
 * @param joined `rows` are those that fit, of all parts; else all rows of the only part
 */
export async function rejectRows(
  session: Session,
  { rows, joined }: { rows: InputRows; joined: boolean },
  parts: readonly PlacedRows[],
  rejects: Rejects,
  bad: readonly BadRecord[],
): Promise<void> {
  let part = 0
  let begin = 0
  const behind = (): number =>
    joined ? begin + (parts[part]?.fitting ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
  for (let at = 0; at < bad.length; at += rowsPerQuery) {
    const some = bad.slice(at, at + rowsPerQuery)
    const raws = await rawRows(session, rows, some)
    for (const [index, { ordinal, reason }] of some.entries()) {
      while (ordinal >= behind()) {
        begin = behind()
        part++
      }
      const row = joined ? (parts[part]?.rowOf(ordinal - begin) ?? 0) : ordinal
      parts[part]?.reject(rejects, row, reason, raws[index] ?? '')
    }
  }
  rejects.flush()
}

/** As JSON, in their order. */
async function rawRows(session: Session, rows: InputRows, bad: readonly BadRecord[]): Promise<string[]> {
  const ordinals = bad.map(({ ordinal }) => ordinal).join(', ')
  const found = await session.rows(
    `SELECT left(CAST(to_json(each) AS VARCHAR), ${rejectedRawBytesMax})
     FROM (SELECT ${rows.titles} FROM ${rows.table} WHERE rowid IN (${ordinals})) AS each`,
  )
  if (found.length === bad.length) return found.map(([raw]) => String(raw))
  throw new MillraceError('COUNT_MISMATCH', `Of ${bad.length} rows, ${found.length} are found again`)
}

/** Of a row group's first byte; 0 where it has none. */
export function offsetOf(group: RowGroup | undefined): number {
  return (group?.chunks ?? []).reduce((least, { start }) => Math.min(least, start), Number.MAX_SAFE_INTEGER)
}
