/** The frame around a gzip member (RFC 1952), and what BGZF (the SAM specification) adds to it. Pure. */

export const gzipMagic = Buffer.from([0x1f, 0x8b, 0x08])
/** CRC-32 and length of the content, both little-endian. */
export const gzipTrailerBytes = 8
/** An extra field, a name and a comment have no bound of their own. */
export const gzipHeaderBytesMax = 256 * 1024

const fixedBytes = 10
const flags = { headerCrc: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 }

export interface GzipHeader {
  /** From the member's first byte to its deflated data. */
  bytes: number
  /** BGZF: of the whole member, header and trailer too. */
  blockBytes?: number
}

/** `bytes`: from a member's first byte on. `more`: the header goes on behind them. */
export function gzipHeader(bytes: Buffer): GzipHeader | 'more' | 'broken' {
  const magic = bytes.subarray(0, gzipMagic.length)
  if (!magic.equals(gzipMagic.subarray(0, magic.length))) return 'broken'
  if (bytes.length < fixedBytes) return 'more'
  const flag = bytes.readUInt8(3)
  if ((flag & flags.reserved) !== 0) return 'broken'
  const extra = flag & flags.extra ? extraField(bytes) : { end: fixedBytes }
  let end: number | undefined = extra?.end
  if (flag & flags.name) end = behindZero(bytes, end)
  if (flag & flags.comment) end = behindZero(bytes, end)
  if (flag & flags.headerCrc && end !== undefined) end += 2
  if (end === undefined || end > bytes.length) return 'more'
  return { bytes: end, ...(extra?.blockBytes === undefined ? {} : { blockBytes: extra.blockBytes }) }
}

function extraField(bytes: Buffer): { end: number; blockBytes?: number } | undefined {
  if (bytes.length < fixedBytes + 2) return undefined
  const end = fixedBytes + 2 + bytes.readUInt16LE(fixedBytes)
  if (end > bytes.length) return undefined
  for (let at = fixedBytes + 2; at + 4 <= end; at += 4 + bytes.readUInt16LE(at + 2)) {
    const isBlockSize = bytes.toString('latin1', at, at + 2) === 'BC' && bytes.readUInt16LE(at + 2) === 2
    if (isBlockSize && at + 6 <= end) return { end, blockBytes: bytes.readUInt16LE(at + 4) + 1 }
  }
  return { end }
}

function behindZero(bytes: Buffer, from: number | undefined): number | undefined {
  const found = from === undefined ? -1 : bytes.indexOf(0, from)
  return found === -1 ? undefined : found + 1
}
