/** The view `input` over the table of loaded records: of all of them, or of some. Pure: SQL. */

/** Records by their `rowid`, which is their ordinal: from 0, in the order in which they were loaded. */
export interface InputRows {
  table: string
  /** SQL: the columns of `input`. */
  titles: string
  /** SQL: which rows can be taken; absent: all. */
  where?: string
  /** Of rows, whether they can be taken or not. */
  count: number
}

export function inputOf(rows: InputRows): string {
  return view(selectOf(rows))
}

export function selectOf({ table, titles, where }: InputRows): string {
  return `SELECT ${titles} FROM ${table}${where === undefined ? '' : ` WHERE ${where}`}`
}

/** The LIMIT takes nothing away: nothing of the user's is tried on other rows, whatever the optimizer moves. */
export function inputBetween(
  { table, titles, where = 'true' }: InputRows,
  begin: number,
  end: number,
): string {
  const range = `rowid >= ${begin} AND rowid < ${end}`
  return view(`SELECT ${titles} FROM ${table} WHERE ${where} AND ${range} LIMIT ${end - begin}`)
}

/** Not by the view: the user's conditions could be tried on them all the same. */
export function withoutRows({ table }: InputRows, ordinals: readonly number[]): string {
  return `DELETE FROM ${table} WHERE rowid IN (${ordinals.join(', ')})`
}

function view(select: string): string {
  return `CREATE OR REPLACE VIEW input AS ${select}`
}
