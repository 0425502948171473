/** The objects that rejected records stand in, read once more by the worker's own reader. */

import { compressionOf } from '../shared/compression/container.ts'
import type { RejectedRecord, RunDocument } from '../shared/documents.ts'
import { decode, fromUtf8 } from '../shared/encoding.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Compression } from '../shared/layout.ts'
import type { Objects } from '../shared/ports.ts'
import type { SourceObject } from '../shared/records.ts'
import { arrayLines } from '../worker/read/array.ts'
import { bytesFrom } from '../worker/read/bytes.ts'
import { decompressed } from '../worker/read/compressed/streams.ts'
import { behind } from '../worker/read/compressed/whole.ts'
import { formatOf } from '../worker/read/format.ts'
import { objectsIn, refOf } from '../worker/read/listed.ts'
import { openObject } from '../worker/read/object-head.ts'
import type { Stretch } from '../worker/read/stretch.ts'
import { readUnits } from '../worker/read/units.ts'
import { rawOf, requestOf } from '../worker/read/walk.ts'

/** What stands around the records of an object, in its own bytes. */
export interface Frame {
  /** Byte order mark and header. */
  head: Buffer
  lineEnd: Buffer
}

type Place = Pick<RejectedRecord, 'key' | 'version' | 'byteOffset' | 'within'>

/** Enough to tell a compressed stream by. */
const magicBytes = 64
const lineFeed = '\n'

export class RejectSource {
  readonly #objects: Objects
  readonly #run: RunDocument
  /** Of a list: those asked for, by name. */
  readonly #listed: ReadonlyMap<string, SourceObject>

  private constructor(objects: Objects, run: RunDocument, listed: ReadonlyMap<string, SourceObject>) {
    this.#objects = objects
    this.#run = run
    this.#listed = listed
  }

  /** @param names of the objects that will be asked for, as `nameOf` gives them */
  static async open(objects: Objects, run: RunDocument, names: ReadonlySet<string>): Promise<RejectSource> {
    const listed = new Map<string, SourceObject>()
    if (run.layout.space !== 'objects') return new RejectSource(objects, run, listed)
    const assignment = { partition: 0, start: 0, end: run.dataEnd }
    for await (const object of objectsIn({ objects, run, assignment })) {
      if (names.has(nameOf(object))) listed.set(nameOf(object), refOf({ run }, object))
    }
    return new RejectSource(objects, run, listed)
  }

  /** In the bytes of the source, without its line end. Errors: OBJECT_MISSING, SOURCE_CHANGED, those of reading. */
  async record(place: Place): Promise<Buffer> {
    const { raw } = await this.#first(await this.#from(place))
    return fromUtf8(raw, this.#run.layout.encoding)
  }

  /** Errors: as of `record`. */
  async frame(place: Place): Promise<Frame> {
    const { encoding } = this.#run.layout
    const ref = this.#ref(place)
    const compression = await this.#compressionOf(ref)
    const skipBytes = await this.#skipBytes(ref)
    const head = await beginning(this.#content(ref, compression), skipBytes)
    const words = decode(head, encoding) ?? ''
    const ends = /\r?\n$/.exec(words)?.[0]
    if (ends !== undefined) return { head, lineEnd: fromUtf8(Buffer.from(ends), encoding) }
    const { lineEnd } = await this.#first(behind(skipBytes, this.#content(ref, compression)))
    const utf8 = lineEnd.length === 0 ? Buffer.from(lineFeed) : lineEnd
    return { head, lineEnd: fromUtf8(utf8, encoding) }
  }

  #ref(place: Place): SourceObject {
    if (this.#run.layout.space !== 'objects') return this.#run.source
    const ref = this.#listed.get(nameOf(place))
    if (ref) return ref
    throw new MillraceError('OBJECT_MISSING', `The run's list has no ${place.key}`)
  }

  async #skipBytes(ref: SourceObject): Promise<number> {
    if (this.#run.layout.space !== 'objects') return this.#run.layout.skipBytes
    const opened = await openObject(this.#run, ref, bytesFrom(this.#objects, ref, 0, 0))
    await opened.close()
    return opened.from
  }

  async #compressionOf(ref: SourceObject): Promise<Compression> {
    const { layout, pipeline } = this.#run
    if (layout.space !== 'objects') return layout.compression
    const magic = await beginning(bytesFrom(this.#objects, ref, 0, 0), magicBytes)
    const found = compressionOf(pipeline.source.compression, magic)
    return typeof found === 'string' ? found : 'none'
  }

  /** The content from a record on. */
  async #from(place: Place): Promise<AsyncGenerator<Buffer>> {
    const { byteOffset, within = 0 } = place
    const { layout } = this.#run
    const ref = this.#ref(place)
    const compression = await this.#compressionOf(ref)
    if (layout.space === 'blocks') return behind(within, this.#content(ref, compression, byteOffset))
    if (compression === 'none' && layout.format !== 'json')
      return bytesFrom(this.#objects, ref, byteOffset, byteOffset)
    return behind(byteOffset + within, this.#content(ref, compression))
  }

  /** @param at the start of a block, where it has such */
  #content(ref: SourceObject, compression: Compression, at = 0): AsyncGenerator<Buffer> {
    const { pipeline } = this.#run
    const bytes = bytesFrom(this.#objects, ref, at, at)
    return arrayLines(decompressed(bytes, compression, pipeline.source.decompressed), pipeline)
  }

  /** The first record of a content, in UTF-8. */
  async #first(content: AsyncGenerator<Buffer>): Promise<{ raw: Buffer; lineEnd: Buffer }> {
    let [raw, lineEnd] = [Buffer.alloc(0), Buffer.alloc(0)]
    const assignment = { partition: 0, start: 0, end: 1 }
    const from = { objects: this.#objects, run: this.#run, assignment, format: formatOf(this.#run) }
    const stretch: Stretch = {
      from: 0,
      first: 0,
      start: 0,
      end: () => 1,
      chunks: () => content,
      position: at => ({ at }),
      guessed: false,
    }
    await readUnits(requestOf(from, stretch), unit => {
      raw = Buffer.from(rawOf(unit))
      lineEnd = Buffer.from(unit.window.bytes.subarray(unit.line.contentEnd, unit.line.end))
      return false
    })
    return { raw, lineEnd }
  }
}

export function nameOf({ key, version = '' }: { key: string; version?: string }): string {
  return `${version}\n${key}`
}

async function beginning(chunks: AsyncIterable<Buffer>, bytesWanted: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  if (bytesWanted === 0) return Buffer.alloc(0)
  for await (const chunk of chunks) {
    parts.push(chunk)
    bytes += chunk.length
    if (bytes >= bytesWanted) break
  }
  return Buffer.concat(parts).subarray(0, bytesWanted)
}
