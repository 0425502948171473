/**
 * The elements of a Parquet file's schema, as its footer has them: a tree, written depth first. Pure. After
 * https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 */
import { type ThriftReader, ThriftType } from './thrift.ts'

const logicalDecimal = 5
const logicalTime = 7
const logicalTimestamp = 8
const logicalInteger = 10
const nanoseconds = 3

export interface SchemaElement {
  name: string
  /** Physical; absent: a group. */
  physical?: number
  typeLength?: number
  /** 0 required, 1 optional, 2 repeated. */
  repetition?: number
  children?: number
  converted?: number
  scale?: number
  precision?: number
  logical?: Logical
}

export interface Logical {
  /** Number of the field that is set in the union LogicalType. */
  kind: number
  scale?: number
  precision?: number
  bits?: number
  signed?: boolean
  utc?: boolean
  /** Where in the footer that stands, where it does. */
  utcAt?: number
  /** 1 ms, 2 µs, 3 ns. */
  unit?: number
}

export function isInstantNanos({ kind, utc, unit }: Logical): boolean {
  return kind === logicalTimestamp && utc === true && unit === nanoseconds
}

export function schemaElement(reader: ThriftReader): SchemaElement {
  const element: SchemaElement = { name: '' }
  reader.struct(id => {
    if (id === 1) element.physical = reader.integer()
    else if (id === 2) element.typeLength = reader.integer()
    else if (id === 3) element.repetition = reader.integer()
    else if (id === 4) element.name = reader.text()
    else if (id === 5) element.children = reader.integer()
    else if (id === 6) element.converted = reader.integer()
    else if (id === 7) element.scale = reader.integer()
    else if (id === 8) element.precision = reader.integer()
    else if (id === 10) element.logical = logicalType(reader)
    else return false
    return true
  })
  return element
}

function logicalType(reader: ThriftReader): Logical {
  const logical: Logical = { kind: 0 }
  reader.struct(kind => {
    logical.kind = kind
    reader.struct((id, type) => logicalField(reader, logical, id, type))
    return true
  })
  return logical
}

function logicalField(reader: ThriftReader, logical: Logical, id: number, type: number): boolean {
  const { kind } = logical
  if (kind === logicalDecimal && id <= 2) logical[id === 1 ? 'scale' : 'precision'] = reader.integer()
  else if ((kind === logicalTime || kind === logicalTimestamp) && id === 1) {
    logical.utc = type === ThriftType.true
    logical.utcAt = reader.at - 1
  } else if ((kind === logicalTime || kind === logicalTimestamp) && id === 2) {
    reader.struct(unit => {
      logical.unit = unit
      return false
    })
  } else if (kind === logicalInteger && id === 1) logical.bits = reader.bytes[reader.at++] ?? 0
  else if (kind === logicalInteger && id === 2) logical.signed = type === ThriftType.true
  else return false
  return true
}
