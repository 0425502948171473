/** An Avro schema as a tree, its named types in place, and the columns it makes. Pure. */

export type Logical =
  | { kind: 'decimal'; precision: number; scale: number }
  | { kind: 'date' }
  | { kind: 'uuid' }
  | { kind: 'time'; perSecond: number }
  /** `local`: of a calendar and clock somewhere, not an instant. */
  | { kind: 'timestamp'; perSecond: number; local: boolean }

const primitives = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const
type PrimitiveKind = (typeof primitives)[number]
const isPrimitive = (type: string): type is PrimitiveKind => (primitives as readonly string[]).includes(type)

export interface Primitive {
  kind: PrimitiveKind
  logical?: Logical
}

export type AvroNode =
  | Primitive
  | { kind: 'fixed'; size: number; logical?: Logical }
  | { kind: 'enum'; symbols: string[] }
  | { kind: 'array' | 'map'; of: AvroNode }
  | { kind: 'union'; branches: AvroNode[] }
  | { kind: 'record'; fields: AvroField[] }

export interface AvroField {
  name: string
  node: AvroNode
}

/** A schema that we do not take; the message says why. */
export class SchemaFault extends Error {}

type Named = Record<string, unknown>

const depthMax = 64
/** The widest DECIMAL; a wider one stays text. */
const precisionMax = 38
/** The column of a file whose records are no records in Avro's sense. */
const onlyColumn = 'value'

/** The fields of each record, in order. Errors: SchemaFault. */
export function fieldsOf(schema: string): AvroField[] {
  const root = new SchemaReader().node(parsedJson(schema), '', 0)
  return root.kind === 'record' ? root.fields : [{ name: onlyColumn, node: root }]
}

function parsedJson(schema: string): unknown {
  try {
    return JSON.parse(schema)
  } catch {
    // The bare name of a type is found in the wild.
    if (/^[a-z]+$/.test(schema)) return schema
    throw new SchemaFault('it is not JSON')
  }
}

class SchemaReader {
  readonly #named = new Map<string, AvroNode | 'open'>()

  node(schema: unknown, space: string, depth: number): AvroNode {
    if (depth > depthMax) throw new SchemaFault(`it nests deeper than ${depthMax}`)
    if (typeof schema === 'string')
      return isPrimitive(schema) ? { kind: schema } : this.#reference(schema, space)
    if (Array.isArray(schema)) {
      return { kind: 'union', branches: schema.map(branch => this.node(branch, space, depth + 1)) }
    }
    if (typeof schema !== 'object' || schema === null)
      throw new SchemaFault(`${JSON.stringify(schema)} is no type`)
    return this.#complex(schema as Named, space, depth)
  }

  #complex(schema: Named, space: string, depth: number): AvroNode {
    const { type } = schema
    if (type === 'array') return { kind: type, of: this.node(schema.items, space, depth + 1) }
    if (type === 'map') return { kind: type, of: this.node(schema.values, space, depth + 1) }
    if (type === 'record' || type === 'error' || type === 'enum' || type === 'fixed') {
      return this.#define(schema, space, depth)
    }
    if (typeof type !== 'string' || !isPrimitive(type)) return this.node(type, space, depth + 1)
    const logical = logicalOf(schema, type)
    return { kind: type, ...(logical ? { logical } : {}) }
  }

  #define(schema: Named, space: string, depth: number): AvroNode {
    const full = fullName(textOf(schema.name), textOf(schema.namespace ?? space))
    const own = full.includes('.') ? full.slice(0, full.lastIndexOf('.')) : ''
    this.#named.set(full, 'open')
    const node = this.#body(schema, own, depth)
    this.#named.set(full, node)
    return node
  }

  #body(schema: Named, space: string, depth: number): AvroNode {
    if (schema.type === 'enum') return { kind: 'enum', symbols: listOf(schema.symbols).map(textOf) }
    if (schema.type === 'fixed') {
      const size = Number(schema.size)
      if (!Number.isSafeInteger(size) || size < 0) throw new SchemaFault(`${textOf(schema.name)} has no size`)
      const logical = logicalOf(schema, 'fixed', size)
      return { kind: 'fixed', size, ...(logical ? { logical } : {}) }
    }
    const fields = listOf(schema.fields).map(field => {
      const { name, type } = field as Named
      return { name: textOf(name), node: this.node(type, space, depth + 1) }
    })
    return { kind: 'record', fields }
  }

  #reference(name: string, space: string): AvroNode {
    const found = this.#named.get(fullName(name, space)) ?? this.#named.get(name)
    if (found === 'open') throw new SchemaFault(`${name} contains itself`)
    if (found === undefined) throw new SchemaFault(`it does not say what ${name} is`)
    return found
  }
}

function fullName(name: string, space: string): string {
  return name.includes('.') || space === '' ? name : `${space}.${name}`
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  throw new SchemaFault(`${JSON.stringify(value)} is no name`)
}

function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  throw new SchemaFault(`${JSON.stringify(value)} is no list`)
}

/** One that does not belong to its type is ignored, as the specification has it. */
function logicalOf(schema: Named, type: string, size = 0): Logical | undefined {
  const { logicalType } = schema
  if (logicalType === 'decimal' && (type === 'bytes' || type === 'fixed')) return decimalOf(schema)
  if (logicalType === 'uuid' && (type === 'string' || size === 16)) return { kind: 'uuid' }
  if (logicalType === 'date' && type === 'int') return { kind: 'date' }
  if (logicalType === 'time-millis' && type === 'int') return { kind: 'time', perSecond: 1e3 }
  if (logicalType === 'time-micros' && type === 'long') return { kind: 'time', perSecond: 1e6 }
  const [, local, unit] = /^(local-)?timestamp-(millis|micros|nanos)$/.exec(String(logicalType)) ?? []
  if (unit === undefined || type !== 'long') return undefined
  const perSecond = unit === 'millis' ? 1e3 : unit === 'micros' ? 1e6 : 1e9
  return { kind: 'timestamp', perSecond, local: local !== undefined }
}

function decimalOf(schema: Named): Logical | undefined {
  const precision = Number(schema.precision)
  const scale = Number(schema.scale ?? 0)
  const sound = Number.isSafeInteger(precision) && precision > 0 && Number.isSafeInteger(scale)
  return sound && scale >= 0 && scale <= precision ? { kind: 'decimal', precision, scale } : undefined
}

/** What is null or one other type is that type. */
export function solely(node: AvroNode): AvroNode {
  if (node.kind !== 'union') return node
  const [only, ...more] = node.branches.filter(({ kind }) => kind !== 'null')
  return only !== undefined && more.length === 0 ? solely(only) : node
}

/** The column type that takes every value of a field exactly; bytes are base64. */
export function columnTypeOf(node: AvroNode): string {
  const only = solely(node)
  if ('logical' in only && only.logical) return logicalTypeOf(only.logical)
  const { kind } = only
  if (kind === 'boolean') return 'BOOLEAN'
  if (kind === 'int') return 'INTEGER'
  if (kind === 'long') return 'BIGINT'
  if (kind === 'float' || kind === 'double') return 'DOUBLE'
  return kind === 'record' || kind === 'array' || kind === 'map' || kind === 'union' ? 'JSON' : 'VARCHAR'
}

function logicalTypeOf(logical: Logical): string {
  if (logical.kind === 'decimal') {
    const { precision, scale } = logical
    return precision <= precisionMax ? `DECIMAL(${precision},${scale})` : 'VARCHAR'
  }
  if (logical.kind === 'date') return 'DATE'
  if (logical.kind === 'time') return 'TIME'
  // No column type has nanoseconds.
  if (logical.kind === 'uuid' || logical.perSecond > 1e6) return 'VARCHAR'
  return logical.local ? 'TIMESTAMP' : 'TIMESTAMPTZ'
}
