/** The columns of a Parquet schema, each with the type that DuckDB gives it. Pure. */
import type { Logical, SchemaElement } from './schema.ts'

export interface ParquetColumn {
  name: string
  /** A DuckDB type: of a nested column, all of it. */
  type: string
  nested: boolean
  /** The leaves [first, behind) of the schema are this column's. */
  leaves: { first: number; behind: number }
  /** A type that DuckDB would round. */
  inexact: boolean
}

/** Sound schemas nest to about ten. */
const depthMax = 64
const repeated = 2
const converted = { utf8: 0, map: 1, mapKeyValue: 2, list: 3, enum: 4, decimal: 5 } as const
const logicalMap = 2
const logicalList = 3
/** By number of the converted type, wherever it alone decides. */
const convertedTypes: Record<number, string> = {
  0: 'VARCHAR',
  4: 'VARCHAR',
  6: 'DATE',
  7: 'TIME',
  8: 'TIME',
  9: 'TIMESTAMP',
  10: 'TIMESTAMP',
  11: 'UTINYINT',
  12: 'USMALLINT',
  13: 'UINTEGER',
  14: 'UBIGINT',
  15: 'TINYINT',
  16: 'SMALLINT',
  17: 'INTEGER',
  18: 'BIGINT',
  19: 'JSON',
  20: 'BLOB',
  21: 'INTERVAL',
}
const physicalTypes: Record<number, string> = {
  0: 'BOOLEAN',
  1: 'INTEGER',
  2: 'BIGINT',
  3: 'TIMESTAMP',
  4: 'FLOAT',
  5: 'DOUBLE',
  6: 'BLOB',
  7: 'BLOB',
}
/** The widest that a DECIMAL of DuckDB can be; a wider one becomes a DOUBLE. */
const precisionMax = 38

interface Node {
  type: string
  nested: boolean
  inexact: boolean
}

class SchemaWalk {
  leaf = 0
  readonly #schema: readonly SchemaElement[]
  #next = 0

  constructor(schema: readonly SchemaElement[]) {
    this.#schema = schema
  }

  columns(): ParquetColumn[] | undefined {
    const root = this.#take()
    const found: ParquetColumn[] = []
    for (let count = 0; count < (root?.children ?? 0); count++) {
      const name = this.#schema[this.#next]?.name
      const first = this.leaf
      const node = this.#node(0)
      if (name === undefined || node === undefined) return undefined
      found.push({ name, ...node, leaves: { first, behind: this.leaf } })
    }
    return this.#next === this.#schema.length ? found : undefined
  }

  #take(): SchemaElement | undefined {
    return this.#schema[this.#next++]
  }

  #node(depth: number): Node | undefined {
    const element = this.#take()
    if (element === undefined || depth > depthMax) return undefined
    const plain = element.physical === undefined ? this.#group(element, depth) : this.#leafOf(element)
    if (plain === undefined || element.repetition !== repeated) return plain
    return { ...plain, type: `${plain.type}[]`, nested: true }
  }

  #leafOf(element: SchemaElement): Node {
    this.leaf++
    const { precision = 0 } = element.logical?.precision === undefined ? element : element.logical
    return {
      type: leafType(element),
      nested: false,
      inexact: (isDecimal(element) && precision > precisionMax) || isTimeNanos(element),
    }
  }

  /** As DuckDB folds them: the group within a list or map is its elements, not a structure. */
  #group(element: SchemaElement, depth: number): Node | undefined {
    const names: string[] = []
    const parts: Node[] = []
    for (let count = 0; count < (element.children ?? 0); count++) {
      names.push(this.#schema[this.#next]?.name ?? '')
      const part = this.#node(depth + 1)
      if (part === undefined) return undefined
      parts.push(part)
    }
    return folded(element, names, parts)
  }
}

function folded(element: SchemaElement, names: string[], parts: Node[]): Node {
  const inexact = parts.some(part => part.inexact)
  const [only] = parts
  if (isMap(element) && only) return { type: mapType(only.type), nested: true, inexact }
  const pulledUp = isList(element) || element.repetition === repeated
  if (only && parts.length === 1 && pulledUp) return { ...only, nested: true }
  const fields = parts.map(({ type }, at) => `${identifier(names[at] ?? '')} ${type}`)
  return { type: `STRUCT(${fields.join(', ')})`, nested: true, inexact }
}

/** Top-level columns in the file's order; `undefined` where the schema is no tree. */
export function columnsOf(schema: readonly SchemaElement[]): ParquetColumn[] | undefined {
  return new SchemaWalk(schema).columns()
}

function isMap({ converted: kind, logical }: SchemaElement): boolean {
  return kind === converted.map || kind === converted.mapKeyValue || logical?.kind === logicalMap
}

function isList({ converted: kind, logical }: SchemaElement): boolean {
  return kind === converted.list || logical?.kind === logicalList
}

/** `STRUCT(k K, v V)[]` is what the repeated group within has become. */
function mapType(entries: string): string {
  const [, inner] = /^STRUCT\("?\w+"? (.*)\)\[\]$/.exec(entries) ?? []
  const [, key, value] = /^(.*?\)?), "?\w+"? (.*)$/.exec(inner ?? '') ?? []
  return `MAP(${key}, ${value})`
}

function identifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/i.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

function isDecimal({ converted: kind, logical }: SchemaElement): boolean {
  return kind === converted.decimal || logical?.kind === 5
}

function leafType(element: SchemaElement): string {
  const { physical = 0, converted: kind = -1, logical } = element
  if (isDecimal(element)) return decimalType(element)
  return (logical && logicalTypeOf(logical)) ?? convertedTypes[kind] ?? physicalTypes[physical] ?? 'BLOB'
}

function isTimeNanos({ logical }: SchemaElement): boolean {
  return logical?.kind === 7 && logical.unit === 3
}

function decimalType({ logical, precision, scale }: SchemaElement): string {
  return `DECIMAL(${logical?.precision ?? precision ?? 0},${logical?.scale ?? scale ?? 0})`
}

function logicalTypeOf(logical: Logical): string | undefined {
  const { kind, utc, unit, bits, signed } = logical
  if (kind === 1 || kind === 4) return 'VARCHAR'
  if (kind === 6) return 'DATE'
  if (kind === 7) return utc ? 'TIMETZ' : 'TIME'
  if (kind === 8) return utc ? 'TIMESTAMPTZ' : unit === 3 ? 'TIMESTAMP_NS' : 'TIMESTAMP'
  if (kind === 10) return `${signed ? '' : 'U'}${integerTypes[bits ?? 0] ?? 'BIGINT'}`
  if (kind === 12) return 'JSON'
  if (kind === 14) return 'UUID'
  return kind === 15 ? 'FLOAT' : undefined
}

const integerTypes: Record<number, string> = { 8: 'TINYINT', 16: 'SMALLINT', 32: 'INTEGER', 64: 'BIGINT' }
