/** A row of a result as one line of JSON: numbers digit for digit, times in ISO 8601, what is nested kept. Pure. */
import { DuckDBTypeId } from '@duckdb/node-api'
import { isStrictJson } from './exact.ts'
import { literal, name } from './text.ts'
import type { ResultColumn, ResultType } from './type.ts'

const plainTypes = new Set<DuckDBTypeId>([
  DuckDBTypeId.BOOLEAN,
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
])
const timestampTypes = new Set<DuckDBTypeId>([
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_S,
  DuckDBTypeId.TIMESTAMP_MS,
  DuckDBTypeId.TIMESTAMP_NS,
  DuckDBTypeId.TIMESTAMP_TZ,
])

/** SQL whose value is the line, without its newline. DuckDB's own writer rounds 1.10 to 1.1 and writes NaN bare. */
export function jsonLine(columns: readonly ResultColumn[]): string {
  return objectOf(columns.map(({ title, type }) => [title, jsonOf(name(title), type, 0)]))
}

/** SQL of one value's JSON text, likewise; NULL where the value is. `value`: SQL. */
export function jsonText(value: string, type: ResultType): string {
  return jsonOf(value, type, 0)
}

function objectOf(members: [key: string, value: string][]): string {
  const parts = members.map(([key, value], at) => {
    const begin = literal(`${at === 0 ? '{' : ','}${JSON.stringify(key)}:`)
    return `${begin}, coalesce(${value}, 'null')`
  })
  return parts.length === 0 ? "'{}'" : `concat(${parts.join(', ')}, '}')`
}

/** SQL of a value's JSON text; NULL where the value is. */
function jsonOf(value: string, type: ResultType, depth: number): string {
  const text = `CAST(${value} AS VARCHAR)`
  if (plainTypes.has(type.id)) return text
  // Without the digit that JSON wants before the point: .50
  if (type.id === DuckDBTypeId.DECIMAL) return `regexp_replace(${text}, '^(-?)[.]', '\\10.')`
  if (type.id === DuckDBTypeId.DOUBLE || type.id === DuckDBTypeId.FLOAT) {
    return `CASE WHEN isfinite(${value}) THEN ${text} ELSE '"' || ${text} || '"' END`
  }
  if (timestampTypes.has(type.id)) return stringOf(isoTimestamp(text))
  if (type.alias === 'JSON') return strictJson(value, text)
  return nestedOf(value, type, depth) ?? stringOf(text)
}

const noJson = literal('The result holds a JSON value that is no JSON, as to_json makes of NaN or Infinity')

/** Newlines stand only between its tokens. */
function strictJson(value: string, text: string): string {
  return `CASE WHEN ${value} IS NULL THEN NULL WHEN ${isStrictJson(text)} THEN translate(${text}, chr(10) || chr(13), '  ') ELSE error(${noJson}) END`
}

function nestedOf(value: string, { id, element, entries }: ResultType, depth: number): string | undefined {
  const each = `each${depth}`
  if (element && id === DuckDBTypeId.MAP) {
    const key = stringOf(`CAST(struct_extract(${each}, 'key') AS VARCHAR)`)
    const entry = `${key} || ':' || ${elementOf(`struct_extract(${each}, 'value')`, element, depth)}`
    return `'{' || ${joined(`map_entries(${value})`, each, entry)} || '}'`
  }
  if (element) return `'[' || ${joined(value, each, elementOf(each, element, depth))} || ']'`
  if (entries === undefined || entries.some(([title]) => title === '')) return undefined
  const members = entries.map(([title, type]): [string, string] => [
    title,
    jsonOf(`struct_extract(${value}, ${literal(title)})`, type, depth),
  ])
  return `CASE WHEN ${value} IS NOT NULL THEN ${objectOf(members)} END`
}

function elementOf(value: string, type: ResultType, depth: number): string {
  return `coalesce(${jsonOf(value, type, depth + 1)}, 'null')`
}

function joined(list: string, each: string, text: string): string {
  return `array_to_string(list_transform(${list}, lambda ${each}: ${text}), ',')`
}

function stringOf(text: string): string {
  return `CAST(to_json(${text}) AS VARCHAR)`
}

/** The session's time zone is UTC. */
function isoTimestamp(text: string): string {
  return `regexp_replace(regexp_replace(${text}, '^([0-9-]+) ([0-9])', '\\1T\\2'), '(T.*)[+]00$', '\\1Z')`
}
