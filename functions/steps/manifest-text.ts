/** The text of a manifest: whole where it is one document, else line by line. */
import { pipeline as piped, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { MillraceError } from '../../shared/errors.ts'
import type { ObjectRef } from '../../shared/ports.ts'
import type { SourceObject } from '../../shared/records.ts'
import type { World } from '../../shared/world.ts'

const documentBytesMax = 16 * 1024 * 1024
const lineBytesMax = 16 * 1024

/** Lines without their newline. Errors: BAD_INPUT where one is too long to name an object. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    let begin = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, begin)) {
      yield bytes.toString('utf8', begin, end)
      begin = end + 1
    }
    held = bytes.subarray(begin)
    if (held.length > lineBytesMax) throw notAList(`a line is over ${lineBytesMax} bytes long`)
  }
  if (held.length > 0) yield held.toString('utf8')
}

/** Its beginning, for telling what it is. */
export async function firstBytes(world: World<'objects'>, manifest: SourceObject): Promise<string> {
  for await (const chunk of await textStream(world, manifest)) return chunk.toString('utf8', 0, lineBytesMax)
  return ''
}

/** Errors: BAD_INPUT where it is too long for one JSON document. */
export async function documentText(world: World<'objects'>, manifest: SourceObject): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of await textStream(world, manifest)) {
    parts.push(chunk)
    bytes += chunk.length
    if (bytes > documentBytesMax) throw notAList(`as one JSON document it is over ${documentBytesMax} bytes`)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** Decompressed where its name says gzip. Errors: BAD_INPUT for a broken stream. */
export async function textStream(
  world: World<'objects'>,
  ref: ObjectRef & Partial<SourceObject>,
): Promise<AsyncIterable<Buffer>> {
  const { bucket, key, etag, version } = ref
  const options = { ...(etag === undefined ? {} : { etag }), ...(version === undefined ? {} : { version }) }
  const stream = await world.objects.read({ bucket, key }, options)
  return key.endsWith('.gz') ? gunzipped(stream) : stream
}

async function* gunzipped(stream: Readable): AsyncGenerator<Buffer> {
  try {
    yield* piped(stream, createGunzip(), () => undefined)
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause
    throw notAList('its gzip stream is broken', cause)
  }
}

function notAList(words: string, cause?: unknown): MillraceError {
  return new MillraceError('BAD_INPUT', `the manifest is no list of objects: ${words}`, {
    cause,
    refusal: 'MANIFEST_INVALID',
    remedy: 'docs/pipelines.md shows the lists that are understood; correct this one and drop it again.',
  })
}
