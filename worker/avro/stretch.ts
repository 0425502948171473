/** A partition of an Avro file as a stretch: the records of the blocks that begin in it, as lines. */
import { AvroFault } from '../../shared/avro/cursor.ts'
import { type AvroHeader, parseHeader, syncBytes } from '../../shared/avro/header.ts'
import { fieldsOf } from '../../shared/avro/schema.ts'
import type { Position, RunDocument } from '../../shared/documents.ts'
import { bytesFrom, collected, segment } from '../read/bytes.ts'
import { streamFault } from '../read/compressed/faults.ts'
import { avroFields } from '../read/formats/avro.ts'
import type { Stretch, StretchSource } from '../read/stretch.ts'
import { type Block, type BlockRange, blocksOf, corrupt } from './blocks.ts'
import { decompressedBlock } from './codec.ts'
import { type Lines, linesOf, lineWriter } from './lines.ts'

/** Less than this is no bomb, however it was compressed. */
const harmlessBytes = 64 * 1024 ** 2

/** @param head the first bytes of the object where they are at hand: its header at least */
export function avroStretch(source: StretchSource, head?: Buffer): Stretch {
  const reading = new AvroReading(source, head)
  const stretch: Stretch = {
    from: 0,
    first: 0,
    start: 0,
    end: () => Number.POSITIVE_INFINITY,
    chunks: () => reading.chunks(stretch),
    position: offset => reading.position(offset),
    indivisible: true,
    guessed: false,
  }
  return stretch
}

class AvroReading {
  readonly #source: StretchSource
  readonly #head: Buffer | undefined
  /** The lines that were handed over last: places are asked for as they are read. */
  #lines: Lines = { bytes: Buffer.alloc(0), begins: [], withins: [] }
  #linesAt = 0
  #blockAt = 0

  constructor(source: StretchSource, head: Buffer | undefined) {
    this.#source = source
    this.#head = head
  }

  /** Says in the stretch which blocks it took, and before which it left off. */
  async *chunks(stretch: Stretch): AsyncGenerator<Buffer> {
    const { run, leave } = this.#source
    const range = rangeOf(this.#source)
    if ((range.exact ?? range.start) >= range.end) return
    const { schema, codec, sync } = await headerOf(this.#source, this.#head)
    const writeLine = lineWriter(fieldsOf(schema), avroFields(run))
    const bytes = this.#bytes(range.exact ?? range.start - syncBytes, range.end)
    const bounds = new Bounds(run)
    let offset = 0
    for await (const block of blocksOf({ ...range, sync }, bytes)) {
      if (leave?.why !== undefined && offset > 0) {
        stretch.left = { at: block.at }
        return
      }
      const data = decompressed(block, codec)
      bounds.add(block, data.length)
      stretch.covers = { start: stretch.covers?.start ?? block.at, end: block.end }
      for (const lines of soundLines(block, data, writeLine)) {
        this.#lines = lines
        this.#linesAt = offset
        this.#blockAt = block.at
        offset += lines.bytes.length
        yield lines.bytes
      }
    }
  }

  #bytes(from: number, end: number): AsyncIterable<Buffer> {
    const { objects, run } = this.#source
    const head = this.#head
    return head?.length === run.source.bytes
      ? alone(head.subarray(from, end))
      : bytesFrom(objects, run.source, from, end)
  }

  position(offset: number): Position {
    const { begins, withins } = this.#lines
    const line = lastAtOrBefore(begins, offset - this.#linesAt)
    const within = withins[line]
    return { at: this.#blockAt, ...(within ? { within } : {}) }
  }
}

function rangeOf({ run, assignment }: StretchSource): Omit<BlockRange, 'sync'> {
  const { start, end, exactStart, scanFrom } = assignment
  const fileEnd = run.dataEnd
  if (exactStart !== undefined) return { exact: exactStart, start: exactStart, end, fileEnd }
  const exact = scanFrom ?? (start <= run.dataStart ? run.dataStart : undefined)
  return { ...(exact === undefined ? {} : { exact }), start, end, fileEnd }
}

/** Planning has found it sound, and the object is the same. */
async function headerOf({ objects, run }: StretchSource, head: Buffer | undefined): Promise<AvroHeader> {
  const { skipBytes } = run.layout
  if (head && head.length >= skipBytes) return parseHeader(head)
  return parseHeader(await collected(segment(objects, run.source, 0, skipBytes)))
}

async function* alone(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

function decompressed({ at, data }: Block, codec: string): Buffer {
  try {
    return decompressedBlock(data, codec)
  } catch (error) {
    throw corrupt(at, error instanceof Error ? error.message : String(error), error)
  }
}

function* soundLines(block: Block, data: Buffer, writeLine: Parameters<typeof linesOf>[2]): Generator<Lines> {
  if (block.records > Math.max(data.length, emptyRecordsMax)) {
    throw corrupt(block.at, `${block.records} records do not fit in ${data.length} bytes`)
  }
  try {
    yield* linesOf(data, block.records, writeLine)
  } catch (error) {
    if (!(error instanceof AvroFault)) throw error
    throw corrupt(block.at, `${error.message} (at byte ${error.at} of ${data.length}, decompressed)`, error)
  }
}

/** Of records that take no bytes, such as those of nulls. */
const emptyRecordsMax = 1_000_000

/** What the pipeline allows a stream to grow to. */
class Bounds {
  readonly #limits: RunDocument['pipeline']['source']['decompressed']
  #read = 0
  #made = 0

  constructor({ pipeline }: RunDocument) {
    this.#limits = pipeline.source.decompressed
  }

  add({ at, data }: Block, made: number): void {
    this.#read += data.length
    this.#made += made
    const { bytesMax, ratioMax } = this.#limits
    const swollen = this.#made > harmlessBytes && this.#made > ratioMax * this.#read
    if (this.#made <= bytesMax && !swollen) return
    const words = `${this.#read} bytes of blocks up to the one at byte ${at} decompress to ${this.#made}`
    throw streamFault('DECOMPRESSION_BOMB', words)
  }
}

function lastAtOrBefore(begins: readonly number[], offset: number): number {
  let low = 0
  let high = begins.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((begins[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low
}
