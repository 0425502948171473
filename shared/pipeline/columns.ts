/** Names and types of columns, as a pipeline declares them. Pure. */
import * as z from 'zod'

/** DuckDB's names. DECIMAL takes precision and scale: `DECIMAL(12,2)`. */
export const columnTypeNames = [
  'VARCHAR',
  'BOOLEAN',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'DOUBLE',
  'DATE',
  'TIME',
  'TIMESTAMP',
  'TIMESTAMPTZ',
  'JSON',
] as const
const decimal = /^DECIMAL\(\s*([1-9]|[12]\d|3[0-8])\s*,\s*(\d|[12]\d|3[0-8])\s*\)$/

export const columnType = z
  .string()
  .transform(type => type.toUpperCase().replace(/\s+/g, ''))
  .refine(isColumnType, {
    error: `is no column type; use one of ${columnTypeNames.join(', ')}, DECIMAL(p,s) with p at most 38 and s at most p`,
  })

/** May a pipeline declare it? Every value is then held against it exactly. */
export function isColumnType(type: string): boolean {
  const [, precision, scale] = decimal.exec(type) ?? []
  if (precision !== undefined && scale !== undefined) return Number(scale) <= Number(precision)
  return columnTypeNames.includes(type as (typeof columnTypeNames)[number])
}

export const columns = z.record(z.string().min(1), columnType).refine(all => Object.keys(all).length > 0, {
  error: 'must name at least one column; leave it out to take every column as the file has it',
})
