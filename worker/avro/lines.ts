/** The records of a block as lines of our own dialect. */
import { AvroCursor } from '../../shared/avro/cursor.ts'
import { type AvroField, columnTypeOf } from '../../shared/avro/schema.ts'
import { ownDialect } from '../read/own-dialect.ts'
import { columnDecoder, type Decode } from './decode.ts'

/** Lines handed over at a time. */
const textLengthMax = 64 * 1024
const { delimiter, quote } = ownDialect
/** What must not stand outside quotes. */
const special = new RegExp(`[\\n\\r\\ufeff${delimiter}${quote}]`)
/** Stands for text that is not UTF-8 where such text must be found again. */
const notUtf8 = 0xff

export interface Lines {
  bytes: Buffer
  /** Of each line in `bytes`. */
  begins: number[]
  /** Of each record in the decompressed block. */
  withins: number[]
}

/** Errors of the function: AvroFault, also where the records end before the block does. */
export function lineWriter(schema: readonly AvroField[], fields: readonly string[]) {
  const parts = schema.map(field => ({ ...decoderOf(field), taken: fields.includes(field.name) }))
  const behind = fields.length === 1 ? `${delimiter}1\n` : '\n'
  return (cursor: AvroCursor): Buffer => {
    const texts: string[] = []
    for (const { decode, isText, taken } of parts) {
      const text = decode(cursor)
      if (taken) texts.push(text === undefined ? '' : isText ? quotedText(text) : text)
    }
    const line = Buffer.from(texts.join(delimiter) + behind)
    if (!cursor.garbled) return line
    cursor.garbled = false
    return Buffer.concat([line.subarray(0, -1), Buffer.of(notUtf8, line.at(-1) ?? 0)])
  }
}

function decoderOf({ node }: AvroField): { decode: Decode; isText: boolean } {
  return { decode: columnDecoder(node), isText: /^(VARCHAR|JSON)$/.test(columnTypeOf(node)) }
}

/** The empty text is not NULL. */
function quotedText(text: string): string {
  if (text !== '' && !special.test(text)) return text
  return quote + text.replaceAll(quote, quote + quote) + quote
}

export function* linesOf(
  data: Buffer,
  records: number,
  writeLine: (cursor: AvroCursor) => Buffer,
): Generator<Lines> {
  const cursor = new AvroCursor(data)
  let parts: Buffer[] = []
  let lines: Omit<Lines, 'bytes'> = { begins: [], withins: [] }
  let length = 0
  for (let record = 0; record < records; record++) {
    lines.begins.push(length)
    lines.withins.push(cursor.at)
    const line = writeLine(cursor)
    parts.push(line)
    length += line.length
    if (length < textLengthMax) continue
    yield { ...lines, bytes: Buffer.concat(parts, length) }
    parts = []
    lines = { begins: [], withins: [] }
    length = 0
  }
  if (cursor.at < data.length) throw cursor.fault('the block goes on behind its last record')
  if (length > 0) yield { ...lines, bytes: Buffer.concat(parts, length) }
}
