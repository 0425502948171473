/** Snappy's raw format. After https://github.com/google/snappy/blob/main/format_description.txt */

/** What is wrong with the bytes; thrown, and caught by who knows where they come from. */
export class SnappyFault extends Error {}

/** Errors: SnappyFault; also where the result would have more than `bytesMax` bytes. */
export function snappyDecompressed(from: Buffer, bytesMax: number): Buffer {
  const { length, at } = lengthOf(from)
  if (length > bytesMax)
    throw new SnappyFault(`it would decompress to ${length} bytes; at most ${bytesMax} are taken`)
  const to = Buffer.allocUnsafe(length)
  const written = copyElements(from, at, to)
  if (written !== length) throw new SnappyFault(`it gives ${written} of ${length} bytes`)
  return to
}

function lengthOf(from: Buffer): { length: number; at: number } {
  let length = 0
  for (let at = 0; at < 5; at++) {
    const byte = byteOf(from, at)
    length += (byte & 127) * 2 ** (7 * at)
    if (byte < 128) return { length, at: at + 1 }
  }
  throw new SnappyFault('its length has no end')
}

function copyElements(from: Buffer, begin: number, to: Buffer): number {
  let written = 0
  for (let at = begin; at < from.length; ) {
    const tag = byteOf(from, at++)
    const kind = tag & 3
    if (kind === 0) {
      const extra = Math.max(0, (tag >> 2) - 59)
      const length = 1 + (extra === 0 ? tag >> 2 : numberOf(from, at, extra))
      at += extra
      if (at + length > from.length || written + length > to.length)
        throw new SnappyFault('a literal does not fit')
      from.copy(to, written, at, at + length)
      at += length
      written += length
    } else {
      const offsetBytes = kind === 3 ? 4 : kind
      const low = numberOf(from, at, offsetBytes)
      at += offsetBytes
      const length = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2)
      written = copyBack(to, written, kind === 1 ? (tag >> 5) * 256 + low : low, length)
    }
  }
  return written
}

/** Source and target may overlap: that is how runs are written. */
function copyBack(to: Buffer, written: number, offset: number, length: number): number {
  if (offset === 0 || offset > written || written + length > to.length)
    throw new SnappyFault('a copy does not fit')
  for (let at = written; at < written + length; at++) to[at] = to[at - offset] ?? 0
  return written + length
}

function numberOf(from: Buffer, at: number, bytes: number): number {
  if (at + bytes > from.length) throw new SnappyFault('it ends too early')
  return from.readUIntLE(at, bytes)
}

function byteOf(from: Buffer, at: number): number {
  const byte = from[at]
  if (byte === undefined) throw new SnappyFault('it ends too early')
  return byte
}
