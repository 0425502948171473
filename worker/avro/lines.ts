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

/**
 * @param fields of the line, in its order; NULL where the schema lacks one
 * Errors of the function: AvroFault, also where the records end before the block does.
 */
export function lineWriter(schema: readonly AvroField[], fields: readonly string[]) {
  const parts = schema.map(field => ({ ...decoderOf(field), place: fields.indexOf(field.name) }))
  const nothing = fields.map(() => '')
  const behind = fields.length === 1 ? `${delimiter}1\n` : '\n'
  return (cursor: AvroCursor): string => {
    const texts = [...nothing]
    for (const { decode, isText, place } of parts) {
      const text = decode(cursor)
      if (place !== -1 && text !== undefined) texts[place] = isText ? quotedText(text) : text
    }
    return texts.join(delimiter) + behind
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
  writeLine: (cursor: AvroCursor) => string,
): Generator<Lines> {
  const cursor = new AvroCursor(data)
  let part = new Part()
  for (let record = 0; record < records; record++) {
    const within = cursor.at
    part.add(within, writeLine(cursor), cursor.garbled)
    cursor.garbled = false
    if (part.length < textLengthMax) continue
    yield part.lines()
    part = new Part()
  }
  if (cursor.at < data.length) throw cursor.fault('the block goes on behind its last record')
  if (part.length > 0) yield part.lines()
}

class Part {
  length = 0
  readonly #begins: number[] = []
  readonly #withins: number[] = []
  readonly #parts: Buffer[] = []
  #text = ''

  add(within: number, line: string, garbled: boolean): void {
    this.#begins.push(this.length)
    this.#withins.push(within)
    this.length += Buffer.byteLength(line)
    this.#text += line
    if (!garbled) return
    this.#text = this.#text.slice(0, -1)
    this.#parts.push(this.#take(), Buffer.of(notUtf8))
    this.#text = '\n'
    this.length++
  }

  lines(): Lines {
    this.#parts.push(this.#take())
    return { bytes: Buffer.concat(this.#parts), begins: this.#begins, withins: this.#withins }
  }

  #take(): Buffer {
    const bytes = Buffer.from(this.#text)
    this.#text = ''
    return bytes
  }
}
