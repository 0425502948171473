/** From an object to its Parquet footer, in two reads at most, and whether it is sound. Pure. */
import { MillraceError } from '../errors.ts'
import type { Refusal } from '../plan/refusal.ts'
import type { ByteRange } from '../ports.ts'
import { encryptedMagic, type Footer, parquetMagic, parseFooter, type RowGroup, tailBytes } from './footer.ts'
import { ThriftFault } from './thrift.ts'

/** Most footers are shorter, and then one read is all. */
const tailReadBytes = 64 * 1024
/** A planning function has 512 MiB: parsed, a footer takes three times its length. */
export const footerBytesMax = 64 * 1024 ** 2

export interface ParquetFile {
  footer: Footer
  /** Where the footer begins in the file: all data lie before it. */
  footerAt: number
}

type Read = (range: ByteRange) => Promise<Buffer>

/**
 * @param bytes of the whole object
 * Errors: those of `read`, TEMPORARY_FAILURE; a file that is not sound is a Refusal.
 */
export async function readParquetFooter(bytes: number, read: Read): Promise<ParquetFile | Refusal> {
  const tail = await whole(read, { start: Math.max(0, bytes - tailReadBytes), end: bytes })
  const magic = tail.subarray(-4).toString('latin1')
  if (magic === encryptedMagic) return encrypted('its footer is encrypted')
  if (bytes < parquetMagic.length + tailBytes || magic !== parquetMagic) return noParquet(bytes, tail)
  const footerBytes = tail.readUInt32LE(tail.length - tailBytes)
  const footerAt = bytes - tailBytes - footerBytes
  if (footerAt < parquetMagic.length)
    return invalid(bytes - tailBytes, `its footer of ${footerBytes} bytes does not fit`)
  if (footerBytes > footerBytesMax) return tooLong(footerAt, footerBytes)
  const from = bytes - tail.length
  const missing = footerAt < from ? await whole(read, { start: footerAt, end: from }) : Buffer.alloc(0)
  const all = Buffer.concat([missing, tail.subarray(Math.max(0, footerAt - from), tail.length - tailBytes)])
  return parsed(all, footerAt)
}

async function whole(read: Read, range: ByteRange): Promise<Buffer> {
  const bytes = await read(range)
  if (bytes.length === range.end - range.start) return bytes
  const words = `Reading gave ${bytes.length} of the ${range.end - range.start} bytes from ${range.start} on`
  throw new MillraceError('TEMPORARY_FAILURE', words)
}

function parsed(bytes: Buffer, footerAt: number): ParquetFile | Refusal {
  try {
    const footer = parseFooter(bytes)
    return footer.encrypted ? encrypted('its columns are encrypted') : { footer, footerAt }
  } catch (error) {
    if (!(error instanceof ThriftFault)) throw error
    return invalid(footerAt + error.at, `its footer cannot be read: ${error.message}`)
  }
}

/**
 * Why these columns of a file cannot be read; `undefined` where nothing speaks against it.
 * @param leaves numbers of the schema's leaves
 */
export function unsound({ footer, footerAt }: ParquetFile, leaves: readonly number[]): Refusal | undefined {
  const sum = footer.groups.reduce((records, group) => records + group.records, 0)
  if (sum !== footer.records || footer.groups.some(({ records }) => records < 0)) {
    return invalid(footerAt, `its footer counts ${footer.records} rows, its row groups have ${sum}`)
  }
  for (const [at, group] of footer.groups.entries()) {
    const refusal = unsoundGroup(group, at, leaves, footerAt)
    if (refusal) return refusal
  }
  return undefined
}

function unsoundGroup(
  group: RowGroup,
  at: number,
  leaves: readonly number[],
  footerAt: number,
): Refusal | undefined {
  if (group.records === 0) return undefined
  for (const leaf of leaves) {
    const place = `column chunk ${leaf} of row group ${at}`
    const chunk = group.chunks[leaf]
    if (chunk === undefined) return invalid(footerAt, `${place} is missing`)
    const { start, end, codec } = chunk
    if (chunk.encrypted) return encrypted(`${place} is encrypted`)
    if (chunk.elsewhere !== undefined) return inManyFiles(place, chunk.elsewhere)
    const codecName = codecsUnknown[codec]
    if (codecName !== undefined || codec > codecMax)
      return codecNotSupported(place, start, codecName ?? `${codec}`)
    if (!(start >= parquetMagic.length && end >= start && end <= footerAt)) {
      return invalid(
        footerAt,
        `${place} would lie at bytes [${start}, ${end}), which are not before the footer`,
      )
    }
  }
  return undefined
}

/** The others, up to `codecMax`, are uncompressed, Snappy, gzip, Brotli, zstd and LZ4_RAW. */
const codecsUnknown: Record<number, string> = { 3: 'LZO', 5: 'LZ4 of the old kind' }
const codecMax = 7

function noParquet(bytes: number, tail: Buffer): Refusal {
  const begins = tail.length === bytes && tail.subarray(0, 4).toString('latin1')
  if (bytes === 0) return invalid(0, 'it is empty')
  const hint = begins === parquetMagic ? ' (it begins as one: was it cut short?)' : ''
  return invalid(Math.max(0, bytes - 4), `its last 4 bytes are not PAR1${hint}`)
}

export function invalid(at: number, why: string): Refusal {
  return {
    code: 'PARQUET_NOT_VALID',
    words: `the object is no sound Parquet file: ${why} (byte ${at})`,
    remedy: 'Write or upload the file again, or set source.format to what it is.',
  }
}

function encrypted(why: string): Refusal {
  return {
    code: 'PARQUET_ENCRYPTED',
    words: `the Parquet file cannot be read without a key: ${why}`,
    remedy: 'Write it without encryption (S3 encrypts it at rest) and drop it again.',
  }
}

function tooLong(at: number, bytes: number): Refusal {
  return {
    code: 'PARQUET_FOOTER_TOO_LONG',
    words: `the footer at byte ${at} has ${bytes} bytes; at most ${footerBytesMax} are taken`,
    remedy: 'Write the table as several files, or with fewer and larger row groups.',
  }
}

function inManyFiles(place: string, file: string): Refusal {
  return {
    code: 'PARQUET_IN_MANY_FILES',
    words: `${place} lies in another file, ${file}: this one is a mere summary`,
    remedy: 'Drop the files with the data; leave _metadata files out.',
  }
}

function codecNotSupported(place: string, at: number, codec: string): Refusal {
  return {
    code: 'PARQUET_CODEC_NOT_SUPPORTED',
    words: `${place}, at byte ${at}, is compressed with ${codec}`,
    remedy: 'Write the file with zstd, Snappy, gzip, Brotli, LZ4_RAW or no compression.',
  }
}
