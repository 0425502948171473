/** A file of another format than its pipeline's, where its first bytes leave no doubt. Pure. */
import { avroMagic } from '../avro/header.ts'
import { containerOf } from '../compression/container.ts'
import type { Format } from '../layout.ts'
import { parquetMagic } from '../parquet/footer.ts'
import type { Refusal } from './refusal.ts'

const names = { avro: 'an Avro file', parquet: 'a Parquet file', json: 'a JSON array of objects' } as const
type Known = keyof typeof names

/** The head of a page in Thrift, which follows the magic, begins with its type: a field of an i32. */
const pageHeadByte = 0x15
/** Of an array, whatever its layout; no line of NDJSON is one. */
const arrayOfObjects = /^\ufeff?\s*\[\s*\{/
const arrayBytesMax = 256

/** @param head of the object, or of what is compressed in it */
export function otherFormat(format: Format, head: Buffer): Refusal | undefined {
  const found = binaryFormatOf(head) ?? (format === 'ndjson' ? arrayIn(head) : undefined)
  if (found !== undefined) return found === format ? undefined : formatDiffers(found, format)
  if (format !== 'avro' && format !== 'parquet') return undefined
  const container = containerOf(head)
  return container && compressedAround(container, format)
}

function binaryFormatOf(head: Buffer): Known | undefined {
  const magic = head.toString('latin1', 0, avroMagic.length)
  if (magic === avroMagic) return 'avro'
  return magic === parquetMagic && head[parquetMagic.length] === pageHeadByte ? 'parquet' : undefined
}

function arrayIn(head: Buffer): Known | undefined {
  return arrayOfObjects.test(head.toString('utf8', 0, arrayBytesMax)) ? 'json' : undefined
}

function formatDiffers(found: Known, format: Format): Refusal {
  return {
    code: 'FORMAT_DIFFERS',
    words: `byte 0 begins ${names[found]}, source.format is ${format}`,
    remedy: `Set source.format to ${found}, or drop the file below the prefix of a pipeline that has it.`,
  }
}

function compressedAround(container: string, format: Known): Refusal {
  return {
    code: 'COMPRESSION_NOT_SUPPORTED',
    words: `byte 0 begins a ${container} file; ${names[format]} is taken as it is, compressed within alone`,
    remedy: 'Decompress it and drop that.',
  }
}
