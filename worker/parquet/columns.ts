/** How each column of `input` comes out of a Parquet file: SQL over its own typed columns. Pure. */
import { addedColumns } from '../../shared/added-columns.ts'
import type { Column, RunDocument } from '../../shared/documents.ts'
import type { ParquetColumn } from '../../shared/parquet/columns.ts'
import { isColumnType } from '../../shared/pipeline/columns.ts'
import { castOf, isExact, misfitWords } from '../duckdb/exact.ts'
import { literal, name } from '../duckdb/text.ts'

export interface Taken {
  name: string
  value: string
  /** Does the value say all that the file says? 'true' where it always does. */
  fits: string
  /** What is said of one that does not. */
  misfit: string
}

/** What DuckDB says that a column of the file is. */
export interface OwnType {
  name: string
  /** SQL of a value's JSON text, with all its digits. */
  json: string
}

/** What DuckDB reads an instant as once `footerOfGroups` has called it local. */
const nanoseconds = 'TIMESTAMP_NS'

/**
 * @param found columns of the file
 */
export function takenColumns(
  run: Pick<RunDocument, 'pipeline' | 'source' | 'columns'>,
  found: readonly ParquetColumn[],
  typeOf: (name: string) => OwnType | undefined,
): Taken[] {
  const { source } = run.pipeline
  const declared = new Set(Object.keys(('columns' in source && source.columns) || {}))
  const files = new Map(found.map(({ name: title, type }) => [title, type]))
  const own = run.columns.map(column => {
    const type = typeOf(column.name)
    if (type === undefined) return always(column.name, `CAST(NULL AS ${column.type})`)
    const instant = type.name === nanoseconds && files.get(column.name) === 'TIMESTAMPTZ'
    if (declared.has(column.name)) return converted(column, type, instant)
    if (files.get(column.name) !== column.type) return asFirst(column, type, instant)
    return instant ? wholeMicroseconds(column) : always(column.name, name(column.name))
  })
  return [...own, ...addedColumns(source).map(column => metadata(column, run))]
}

/** A row of a Parquet file has no offset. */
function metadata({ name: title, type }: Column, { source }: Pick<RunDocument, 'source'>): Taken {
  const known = title === '_filename' ? source.key : title === '_object_version' ? source.version : undefined
  return always(title, known === undefined ? `CAST(NULL AS ${type})` : literal(known))
}

function always(title: string, value: string): Taken {
  return { name: title, value, fits: 'true', misfit: '' }
}

function converted(column: Column, { name: own, json }: OwnType, instant: boolean): Taken {
  const { name: title, type } = column
  const field = name(title)
  if (instant && type === 'TIMESTAMPTZ') return wholeMicroseconds(column)
  if (own === type || (own === 'FLOAT' && type === 'DOUBLE'))
    return always(title, `CAST(${field} AS ${type})`)
  if (own === 'BLOB') return decoded(title, field)
  if (type === 'JSON' && own !== 'VARCHAR') return always(title, `CAST(${json} AS JSON)`)
  const text = instant ? `(CAST(${field} AS VARCHAR) || '+00')` : `CAST(${field} AS VARCHAR)`
  const value = castOf(type, text)
  return { name: title, value, fits: isExact(type, text, value), misfit: misfitWords(type) }
}

/** Of many objects, one has another type for it than the first. */
function asFirst(column: Column, own: OwnType, instant: boolean): Taken {
  const { name: title, type } = column
  if (isColumnType(type)) return converted(column, own, instant)
  const field = name(title)
  if (type === 'BLOB') return always(title, `encode(${field})`)
  // TRY_CAST throws for some times beyond the type.
  const value = `TRY(CAST(${field} AS ${type}))`
  const back = `coalesce(TRY(CAST(${value} AS ${own.name})) = ${field}, false)`
  return { name: title, value, fits: `(${field} IS NULL OR ${back})`, misfit: misfitWords(type) }
}

/** Text that its writer has not marked as such. */
function decoded(title: string, field: string): Taken {
  const value = `TRY(decode(${field}))`
  return {
    name: title,
    value,
    fits: `(${field} IS NULL OR ${value} IS NOT NULL)`,
    misfit: 'is not valid UTF-8',
  }
}

function wholeMicroseconds({ name: title, type }: Column): Taken {
  const field = name(title)
  return {
    name: title,
    value: `timezone('UTC', CAST(${field} AS TIMESTAMP))`,
    fits: `coalesce(epoch_ns(${field}) % 1000 = 0, true)`,
    misfit: `has nanoseconds, which ${type} cannot hold (VARCHAR can)`,
  }
}
