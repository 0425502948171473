/** A row of a result as one line of JSON: numbers digit for digit, times in ISO 8601, what is nested kept. Pure. */
import {
  DuckDBArrayType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api'
import { isStrictJson } from './exact.ts'
import { literal, name } from './text.ts'

export interface ResultColumn {
  title: string
  type: DuckDBType
}

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
export function jsonText(value: string, type: DuckDBType): string {
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
function jsonOf(value: string, type: DuckDBType, depth: number): string {
  const text = `CAST(${value} AS VARCHAR)`
  if (plainTypes.has(type.typeId)) return text
  // Without the digit that JSON wants before the point: .50
  if (type.typeId === DuckDBTypeId.DECIMAL) return `regexp_replace(${text}, '^(-?)[.]', '\\10.')`
  if (type.typeId === DuckDBTypeId.DOUBLE || type.typeId === DuckDBTypeId.FLOAT) {
    return `CASE WHEN isfinite(${value}) THEN ${text} ELSE '"' || ${text} || '"' END`
  }
  if (timestampTypes.has(type.typeId)) return stringOf(isoTimestamp(text))
  if (type.alias === 'JSON') return strictJson(value, text)
  return nestedOf(value, type, depth) ?? stringOf(text)
}

const noJson = literal('The result holds a JSON value that is no JSON, as to_json makes of NaN or Infinity')

/** Newlines stand only between its tokens. */
function strictJson(value: string, text: string): string {
  return `CASE WHEN ${value} IS NULL THEN NULL WHEN ${isStrictJson(text)} THEN translate(${text}, chr(10) || chr(13), '  ') ELSE error(${noJson}) END`
}

function nestedOf(value: string, type: DuckDBType, depth: number): string | undefined {
  const each = `each${depth}`
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    return `'[' || ${joined(value, each, elementOf(each, type.valueType, depth))} || ']'`
  }
  if (type instanceof DuckDBMapType) {
    const key = stringOf(`CAST(struct_extract(${each}, 'key') AS VARCHAR)`)
    const entry = `${key} || ':' || ${elementOf(`struct_extract(${each}, 'value')`, type.valueType, depth)}`
    return `'{' || ${joined(`map_entries(${value})`, each, entry)} || '}'`
  }
  if (!(type instanceof DuckDBStructType) || type.entryNames.includes('')) return undefined
  const members = type.entryNames.map((key, at): [string, string] => {
    const member = `struct_extract(${value}, ${literal(key)})`
    const memberType = type.entryTypes[at]
    return [key, memberType === undefined ? 'NULL' : jsonOf(member, memberType, depth)]
  })
  return `CASE WHEN ${value} IS NOT NULL THEN ${objectOf(members)} END`
}

function elementOf(value: string, type: DuckDBType, depth: number): string {
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
