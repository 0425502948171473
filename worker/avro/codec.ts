/** The records of a block, decompressed. */
import { crc32, inflateRawSync, zstdDecompressSync } from 'node:zlib'
import { SnappyFault, snappyDecompressed } from './snappy.ts'

/** Of a block as it stands and decompressed: writers make blocks of KiB to a few MiB. */
export const blockBytesMax = 256 * 1024 ** 2
const checksumBytes = 4

/** Errors: those of the codecs. */
export function decompressedBlock(data: Buffer, codec: string): Buffer {
  if (codec === 'null') return data
  if (codec === 'deflate') return inflateRawSync(data, { maxOutputLength: blockBytesMax })
  if (codec === 'zstandard') return zstdDecompressSync(data, { maxOutputLength: blockBytesMax })
  const body = data.subarray(0, Math.max(0, data.length - checksumBytes))
  const bytes = snappyDecompressed(body, blockBytesMax)
  if (data.length < checksumBytes || data.readUInt32BE(body.length) !== crc32(bytes)) {
    throw new SnappyFault('its checksum is another')
  }
  return bytes
}
