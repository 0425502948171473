/** A file of another format than its pipeline's, where its first bytes leave no doubt. Pure. */
import { avroMagic } from '../avro/header.ts'
import { containerOf } from '../compression/container.ts'
import type { Format } from '../layout.ts'
import { parquetMagic } from '../parquet/footer.ts'
import type { Refusal } from './refusal.ts'

type BinaryFormat = 'avro' | 'parquet'

/** The head of a page in Thrift, which follows the magic, begins with its type: a field of an i32. */
const pageHeadByte = 0x15

/** @param head of the object, or of what is compressed in it */
export function otherFormat(format: Format, head: Buffer): Refusal | undefined {
  const found = binaryFormatOf(head)
  if (found !== undefined) return found === format ? undefined : formatDiffers(found, format)
  const isBinary = format === 'avro' || format === 'parquet'
  const container = isBinary ? containerOf(head) : undefined
  return container && compressedAround(container, format)
}

function binaryFormatOf(head: Buffer): BinaryFormat | undefined {
  const magic = head.toString('latin1', 0, avroMagic.length)
  if (magic === avroMagic) return 'avro'
  return magic === parquetMagic && head[parquetMagic.length] === pageHeadByte ? 'parquet' : undefined
}

function formatDiffers(found: BinaryFormat, format: Format): Refusal {
  return {
    code: 'FORMAT_DIFFERS',
    words: `byte 0 begins ${nameOf(found)} file, source.format is ${format}`,
    remedy: `Set source.format to ${found}, or drop the file below the prefix of a pipeline that has it.`,
  }
}

function compressedAround(container: string, format: Format): Refusal {
  return {
    code: 'COMPRESSION_NOT_SUPPORTED',
    words: `byte 0 begins a ${container} file; ${nameOf(format)} file is taken as it is, compressed within alone`,
    remedy: 'Decompress it and drop that.',
  }
}

function nameOf(format: string): string {
  return format === 'avro' ? 'an Avro' : 'a Parquet'
}
