/** How the bytes of an object become the bytes of its records, and so what its partitions tile. Pure. */
import { compressedTwice, compressionOf, containerOf } from '../compression/container.ts'
import { beginningOf, findMember, isWholeMember } from '../compression/members.ts'
import { streamRefusal } from '../compression/refusals.ts'
import type { Compression, Space } from '../layout.ts'
import type { Pipeline } from '../pipeline.ts'
import type { Look } from '../plan.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import type { TextHead } from './text.ts'

export interface Stream {
  compression: Compression
  space: Space
  /** Decompressed. */
  head: TextHead
}

/** Up to here, in compressed bytes, one partition takes an object whole: some minutes of work. */
export const wholeBytesMax = 64 * 1024 ** 2
/** What one partition takes of an object made of small blocks, where the pipeline does not say otherwise. */
export const blocksPartitionBytes = 64 * 1024 ** 2
/** Decompressed bytes in which a header must end. */
const logicalHeadBytes = 64 * 1024
/** Members that end within it are small. */
const lookBytes = 1024 ** 2
/** A seekable zstd file has a table of its frames at its end; of frames larger than this, too few to cut between. */
const frameBytesMax = 16 * 1024 ** 2
const seekFooterBytes = 9
const seekTableMagic = 0x8f92eab1

/**
 * Reads up to four more parts of a large compressed object.
 * @param partitionBytes what the drop or the pipeline wants of a partition
 * Errors: those of reading.
 */
export async function streamOf(
  pipeline: Pipeline,
  look: Look,
  partitionBytes?: number,
): Promise<Stream | Refusal> {
  const { bytes } = look.source
  const compression = compressionOf(pipeline.source.compression, look.head)
  if (typeof compression === 'object') return compression
  if (compression === 'none') {
    return { compression, space: 'bytes', head: { bytes: look.head, whole: bytes <= look.head.length } }
  }
  const head = await logicalHead(look, compression)
  if (isRefusal(head)) return head
  const within = containerOf(head.bytes)
  if (within !== undefined) return compressedTwice(compression, within)
  const small = head.whole || bytes <= Math.min(partitionBytes ?? wholeBytesMax, wholeBytesMax)
  return { compression, space: small ? 'whole' : await largeSpace(look, compression), head }
}

async function logicalHead(look: Look, compression: Compression): Promise<TextHead | Refusal> {
  const head = headIn(look.head, compression, look.source.bytes)
  const short = isRefusal(head) || head.whole || head.bytes.length >= logicalHeadBytes
  if (short || look.head.length >= look.source.bytes) return head
  // A single zstd block may be larger than the head, and blocks may be small.
  const more = await look.read({ start: 0, end: Math.min(look.source.bytes, lookBytes) })
  return headIn(more, compression, look.source.bytes)
}

/** The content that `bytes`, the object's first ones, begin with. */
function headIn(bytes: Buffer, compression: Compression, sourceBytes: number): TextHead | Refusal {
  const contents: Buffer[] = []
  let held = 0
  let at: number | undefined = 0
  while (at !== undefined && at < bytes.length && held < logicalHeadBytes) {
    const beginning = beginningOf(bytes, at, compression, logicalHeadBytes - held)
    if (beginning !== 'broken' && isRefusal(beginning)) return beginning
    if (beginning === 'broken') {
      // The worker tells trailing bytes from damage, and the padding of tapes from both.
      if (at > 0) break
      return streamRefusal(
        'STREAM_CORRUPT',
        `The ${compression} stream at byte 0 is damaged within its first ${bytes.length} bytes`,
      )
    }
    contents.push(beginning.content)
    held += beginning.content.length
    at = beginning.end
  }
  if (at === undefined && held === 0 && bytes.length === sourceBytes) {
    return streamRefusal('STREAM_TRUNCATED', `The ${compression} stream breaks off at byte ${sourceBytes}`)
  }
  return {
    bytes: Buffer.concat(contents).subarray(0, logicalHeadBytes),
    whole: at === sourceBytes && held <= logicalHeadBytes,
  }
}

async function largeSpace(look: Look, compression: Compression): Promise<Space> {
  const { bytes } = look.source
  if (compression === 'zstd' && (await isSeekable(look))) return 'blocks'
  const first = await look.read({ start: 0, end: Math.min(bytes, lookBytes) })
  const small = isWholeMember(first, compression)
  if (small !== 'yes') return small === 'bgzf' ? 'blocks' : 'pieces'
  // Some files are a small member, a header say, and then a large one.
  const middle = Math.floor(bytes / 2)
  const behind = await look.read({ start: middle, end: Math.min(bytes, middle + lookBytes) })
  return findMember(behind, compression, 0, behind.length) === undefined ? 'pieces' : 'blocks'
}

/** Its last frame, a skippable one, ends in the number of frames, a descriptor and a magic number. */
async function isSeekable({ source, read }: Look): Promise<boolean> {
  const footer = await read({ start: Math.max(0, source.bytes - seekFooterBytes), end: source.bytes })
  if (footer.length < seekFooterBytes || footer.readUInt32LE(5) !== seekTableMagic) return false
  const frames = footer.readUInt32LE(0)
  return frames > 1 && source.bytes / frames <= frameBytesMax
}
