/**
 * Values of an Avro schema as texts: those of columns for the casts that say what fits, those within others as JSON.
 * Numbers keep all their digits; bytes become base64; of a union, the value alone is kept.
 */
import { type AvroCursor, AvroFault } from '../../shared/avro/cursor.ts'
import type { AvroField, AvroNode, Logical, Primitive } from '../../shared/avro/schema.ts'
import { dateText, timestampText, timeText } from './time.ts'

/** Reads one value; `undefined` for null. Errors: AvroFault. */
export type Decode = (cursor: AvroCursor) => string | undefined

/** A value as the text of a column. */
export function columnDecoder(node: AvroNode): Decode {
  return decoder(node, text => text)
}

/** As JSON. */
function jsonDecoder(node: AvroNode): (cursor: AvroCursor) => string {
  const decode = decoder(node, JSON.stringify)
  return cursor => decode(cursor) ?? 'null'
}

/** @param quoted what becomes of texts */
function decoder(node: AvroNode, quoted: (text: string) => string): Decode {
  switch (node.kind) {
    case 'record':
      return recordDecoder(node.fields)
    case 'array':
      return listDecoder(jsonDecoder(node.of))
    case 'map':
      return mapDecoder(jsonDecoder(node.of))
    case 'union':
      return unionDecoder(node, quoted)
    case 'enum':
      return cursor => quoted(symbolOf(cursor, node.symbols))
    case 'fixed':
      return fixedDecoder(node.size, node.logical, quoted)
    default:
      return primitiveDecoder(node, quoted)
  }
}

function recordDecoder(fields: readonly AvroField[]): Decode {
  const members = fields.map(({ name, node }) => ({
    key: `${JSON.stringify(name)}:`,
    decode: jsonDecoder(node),
  }))
  return cursor => `{${members.map(({ key, decode }) => key + decode(cursor)).join(',')}}`
}

function listDecoder(decode: (cursor: AvroCursor) => string): Decode {
  return cursor => {
    const items: string[] = []
    cursor.items(() => items.push(decode(cursor)))
    return `[${items.join(',')}]`
  }
}

function mapDecoder(decode: (cursor: AvroCursor) => string): Decode {
  return cursor => {
    const members: string[] = []
    cursor.items(() => members.push(`${JSON.stringify(cursor.text())}:${decode(cursor)}`))
    return `{${members.join(',')}}`
  }
}

/** In a union of several, a column is JSON. */
function unionDecoder(
  { branches }: Extract<AvroNode, { kind: 'union' }>,
  quoted: (text: string) => string,
): Decode {
  const several = branches.filter(({ kind }) => kind !== 'null').length > 1
  const decoders = branches.map(branch => decoder(branch, several ? JSON.stringify : quoted))
  return cursor => {
    const from = cursor.at
    const decode = decoders[cursor.count('the branch of a union')]
    if (decode === undefined) throw new AvroFault(from, 'a union has no such branch')
    return decode(cursor)
  }
}

function symbolOf(cursor: AvroCursor, symbols: readonly string[]): string {
  const from = cursor.at
  const symbol = symbols[cursor.count('the place of a symbol')]
  if (symbol === undefined) throw new AvroFault(from, 'an enum has no such symbol')
  return symbol
}

function fixedDecoder(size: number, logical: Logical | undefined, quoted: (text: string) => string): Decode {
  return cursor => {
    const from = cursor.advance(size)
    const bytes = cursor.bytes.subarray(from, cursor.at)
    if (logical?.kind === 'decimal') return decimalText(bytes, logical.scale)
    return quoted(logical?.kind === 'uuid' ? uuidText(bytes) : bytes.toString('base64'))
  }
}

function primitiveDecoder({ kind, logical }: Primitive, quoted: (text: string) => string): Decode {
  if (kind === 'null') return () => undefined
  if (kind === 'boolean') return booleanText
  if (kind === 'int') return intDecoder(logical, quoted)
  if (kind === 'long') return longDecoder(logical, quoted)
  if (kind === 'float') return cursor => doubleText(cursor.bytes.readFloatLE(cursor.advance(4)), quoted)
  if (kind === 'double') return cursor => doubleText(cursor.bytes.readDoubleLE(cursor.advance(8)), quoted)
  if (kind === 'string') return cursor => quoted(cursor.text())
  if (logical?.kind === 'decimal') return cursor => decimalText(cursor.data(), logical.scale)
  return cursor => quoted(cursor.data().toString('base64'))
}

function booleanText(cursor: AvroCursor): string {
  const from = cursor.at
  const byte = cursor.byte()
  if (byte > 1) throw new AvroFault(from, 'a boolean is neither 0 nor 1')
  return byte === 1 ? 'true' : 'false'
}

function intDecoder(logical: Logical | undefined, quoted: (text: string) => string): Decode {
  return cursor => {
    const from = cursor.at
    const value = cursor.count('an int')
    if (value !== (value | 0)) throw new AvroFault(from, 'an int has more than 32 bits')
    if (logical?.kind === 'date') return quoted(dateText(value))
    return logical?.kind === 'time' ? quoted(timeText(value, logical.perSecond)) : String(value)
  }
}

function longDecoder(logical: Logical | undefined, quoted: (text: string) => string): Decode {
  if (logical?.kind === 'time') return cursor => quoted(timeText(cursor.long(), logical.perSecond))
  if (logical?.kind !== 'timestamp') return cursor => String(cursor.long())
  const { perSecond, local } = logical
  const offset = local ? '' : '+00'
  return cursor => quoted(timestampText(cursor.long(), perSecond) + offset)
}

/** The shortest text of the very value. A large one without an exponent would read as a whole number of its own. */
function doubleText(value: number, quoted: (text: string) => string): string {
  if (!Number.isFinite(value)) return quoted(String(value))
  if (Object.is(value, -0)) return '-0.0'
  return Number.isInteger(value) && Math.abs(value) >= 1e15 ? value.toExponential() : String(value)
}

/** Big-endian, in two's complement. */
function decimalText(bytes: Buffer, scale: number): string {
  const unsigned = bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`)
  const value = BigInt.asIntN(bytes.length * 8, unsigned)
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${value < 0n ? '-' : ''}${digits.slice(0, point)}${scale === 0 ? '' : `.${digits.slice(point)}`}`
}

function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5')
}
