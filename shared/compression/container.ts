/** What an object is by its first bytes: one of our compressions, or one that is not taken. Pure. */
import type { Compression } from '../layout.ts'
import type { Refusal } from '../plan/refusal.ts'
import { streamRefusal } from './refusals.ts'

/** In hex; a text file begins with none of them. */
const magics = {
  gzip: /^1f8b08/,
  zstd: /^(28b52ffd|5[0-9a-f]2a4d18)/,
  bzip2: /^425a683[1-9](314159265359|177245385090)/,
  snappy: /^ff060000734e61507059/,
  xz: /^fd377a585a00/,
  lz4: /^04224d18/,
  zip: /^504b(0304|0506)/,
  '7z': /^377abcaf271c/,
  compress: /^1f9d/,
} as const
const magicBytesMax = 10

/**
 * The compression to read an object with.
 * @param claim `source.compression`
 * @param head the object's first bytes
 */
export function compressionOf(claim: Compression | undefined, head: Buffer): Compression | Refusal {
  if (claim === 'none' || head.length === 0) return 'none'
  const found = containerOf(head)
  if (claim !== undefined && found !== claim) {
    const instead = found === undefined ? 'nothing compressed that is known' : found
    const words = `source.compression is ${claim}, and byte 0 begins ${instead}`
    return streamRefusal('COMPRESSION_DIFFERS', words)
  }
  if (found === undefined || found === 'gzip' || found === 'zstd') return found ?? 'none'
  return {
    code: 'COMPRESSION_NOT_SUPPORTED',
    words: `byte 0 begins a ${found} file; gzip and zstd are taken, ${found} is not`,
    remedy: remedyFor(found),
  }
}

/** `undefined`: nothing compressed that is known. */
export function containerOf(head: Buffer): keyof typeof magics | undefined {
  const hex = head.toString('hex', 0, magicBytesMax)
  for (const [name, magic] of Object.entries(magics)) {
    if (magic.test(hex)) return name as keyof typeof magics
  }
  return undefined
}

/** @param within what the decompressed bytes begin */
export function compressedTwice(compression: Compression, within: string): Refusal {
  return {
    code: 'COMPRESSED_TWICE',
    words: `byte 0 begins a ${compression} stream, and what is in it begins a ${within} file`,
    remedy: 'Decompress it once and drop that.',
  }
}

const zipRemedy =
  'Take the files out of the archive and drop each of them. An Excel workbook (.xlsx) is one too: save it as CSV UTF-8.'

function remedyFor(found: string): string {
  const unpack: Record<string, string> = {
    bzip2: 'bzip2 -dc file.bz2 | zstd -o file.zst',
    snappy: 'snzip -dc file.sz | zstd -o file.zst',
    xz: 'xz -dc file.xz | zstd -o file.zst',
    lz4: 'lz4 -dc file.lz4 | zstd -o file.zst',
    compress: 'gzip -dc file.Z | zstd -o file.zst',
  }
  const command = unpack[found]
  if (found === 'zip') return zipRemedy
  return command === undefined
    ? `Take the files out of the ${found} archive and drop each of them; gzip or zstd each one if you like.`
    : `Compress it anew and drop that: \`${command}\`. To take the bytes as they are, set source.compression to none.`
}
