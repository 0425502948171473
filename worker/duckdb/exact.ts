/**
 * Which texts a type takes without losing anything. DuckDB's casts round (12.345 into DECIMAL(12,2), 3.7 into
 * INTEGER), drop (the offset of a TIMESTAMP, the time of a DATE) and guess (0x1F, 1_000); so a cast counts only
 * where it gives the same text back, or where the text has the very shape that the type holds. Pure: SQL.
 */
import { literal } from './text.ts'

const decimal = /^DECIMAL\((\d+),(\d+)\)$/
const wholeNumbers = ['SMALLINT', 'INTEGER', 'BIGINT']

const date = '[0-9]{4,6}-[0-9]{1,2}-[0-9]{1,2}'
const second = ':[0-5]?[0-9](?:[.][0-9]{0,6}0*)?'
const minute = '(?:[01]?[0-9]|2[0-3]):[0-5]?[0-9]'
const time = `${minute}(?:${second})?`
const offset = '(?:Z|[+-](?:0[0-9]|1[0-8])(?::?[0-5][0-9])?)'
const number = '[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]+)?'
const notFinite = '[+-]?(?:[nN][aA][nN]|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)'

/** What a person reads when a value does not fit. */
export function misfitWords(type: string): string {
  if (type === 'TIMESTAMP') return 'is no TIMESTAMP (one with an offset is a TIMESTAMPTZ)'
  if (type === 'TIMESTAMPTZ')
    return 'is no TIMESTAMPTZ (date, time with seconds and an offset such as Z or +02:00)'
  if (type === 'JSON') return 'is not valid JSON'
  return `does not fit ${type} exactly`
}

/** The value of `text`, an SQL expression of type VARCHAR; NULL where there is none. */
export function castOf(type: string, text: string): string {
  if (type === 'VARCHAR') return text
  return type === 'BOOLEAN' ? booleanOf(text) : `TRY_CAST(${text} AS ${type})`
}

function booleanOf(text: string): string {
  const plain = `lower(trim(${text}, ' \t'))`
  return `CASE WHEN ${plain} IN ('true', 't', 'yes', 'y', '1') THEN true WHEN ${plain} IN ('false', 'f', 'no', 'n', '0') THEN false END`
}

/** True where `value`, which is `castOf(type, text)`, says exactly what `text` says. */
export function isExact(type: string, text: string, value: string): string {
  if (type === 'VARCHAR') return 'true'
  const fits = shapeOf(type, text, value)
  const found = `WHEN ${text} IS NULL THEN true WHEN ${value} IS NULL THEN false`
  if (fits === undefined) return `CASE ${found} ELSE true END`
  const same = `CAST(${value} AS VARCHAR) = ${text}${parquetHas(type, value)}`
  return `CASE ${found} WHEN ${same} THEN true ELSE ${fits} END`
}

/** DuckDB gives `infinity` and `24:00:00` back as they came, and Parquet has no such date or time. */
function parquetHas(type: string, value: string): string {
  if (type === 'TIME') return ` AND ${value} < TIME '24:00:00'`
  return type === 'DATE' || type.startsWith('TIMESTAMP') ? ` AND isfinite(${value})` : ''
}

function shapeOf(type: string, text: string, value: string): string | undefined {
  const [, , scale] = decimal.exec(type) ?? []
  if (scale !== undefined) return matches(text, decimalShape(Number(scale)))
  if (wholeNumbers.includes(type)) return matches(text, '[+-]?[0-9]+(?:[.]0+)?')
  if (type === 'DOUBLE') return doubleFits(text, value)
  if (type === 'DATE') return matches(text, date)
  if (type === 'TIME') return matches(text, time)
  if (type === 'TIMESTAMP') return matches(text, `${date}(?:[ T]${time})?`)
  if (type === 'TIMESTAMPTZ') return matches(text, `${date}[ T]${minute}${second}${offset}`)
  return undefined
}

function decimalShape(scale: number): string {
  const fraction = scale === 0 ? '0+' : `[0-9]{1,${scale}}0*`
  return `[+-]?(?:[0-9]+(?:[.](?:${fraction})?)?|[.]${fraction})`
}

/** The nearest double is what DOUBLE means; but a whole number (an id) must come back as it was. */
function doubleFits(text: string, value: string): string {
  const whole = matches(text, '[+-]?[0-9]{16,}(?:[.]0*)?')
  const kept = `CAST(TRY_CAST(${value} AS HUGEINT) AS VARCHAR) = CAST(TRY_CAST(${text} AS HUGEINT) AS VARCHAR)`
  const overflown = `isinf(${value}) AND regexp_matches(${text}, '[0-9]')`
  const vanished = `${value} = 0 AND regexp_matches(${text}, '^[^eE]*[1-9]')`
  return `CASE WHEN ${overflown} THEN false WHEN ${vanished} THEN false WHEN ${whole} THEN coalesce(${kept}, false) ELSE ${matches(text, `(?:${number}|${notFinite})`)} END`
}

/** Spaces around a value are not part of it. */
function matches(text: string, shape: string): string {
  return `regexp_full_match(${text}, ${literal(`[ \\t]*${shape}[ \\t]*`)})`
}

/** What DuckDB takes for JSON beyond JSON: NaN, Infinity, and a comma behind the last element. */
const beyondJson = literal('(?i)nan|inf|,\\s*[\\]}]')

/** True where `text`, which DuckDB takes for JSON, is JSON: what stands in strings is of no concern. */
export function isStrictJson(text: string): string {
  const bare = `regexp_replace(${text}, ${literal('"(?:[^"\\\\]|\\\\.)*"')}, '""', 'g')`
  return `NOT (regexp_matches(${text}, ${beyondJson}) AND regexp_matches(${bare}, ${beyondJson}))`
}
