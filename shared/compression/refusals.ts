/** Why a compressed object cannot be taken, and what to do; the words say where. Pure. */
import type { Refusal } from '../plan/refusal.ts'

const remedies = {
  STREAM_TRUNCATED: 'Upload the file again; if that changes nothing, it was cut off where it was made.',
  STREAM_CORRUPT: 'Make the file anew and test it before the upload: `gzip -t` or `zstd -t`.',
  TRAILING_BYTES: 'Remove what follows the compressed data, or make the file anew.',
  COMPRESSION_DIFFERS: 'Correct source.compression, or leave it out: files are told by their first bytes.',
  ZSTD_WINDOW_TOO_LARGE: 'Compress without --long, or with --long=27 at the most.',
  ZSTD_DICTIONARY_MISSING: 'Compress without a dictionary.',
  DECOMPRESSION_BOMB: 'Raise source.decompressed.bytesMax or ratioMax if the content is as it should be.',
} as const

export type StreamFault = keyof typeof remedies

export function streamRefusal(code: StreamFault, words: string): Refusal {
  return { code, words, remedy: remedies[code] }
}
