/** The plan of an Avro object container file, from its header alone. Pure. */
import { AvroFault } from '../avro/cursor.ts'
import { type AvroHeader, parseHeader } from '../avro/header.ts'
import { type AvroField, columnTypeOf, fieldsOf, SchemaFault } from '../avro/schema.ts'
import type { Column, RunDocument } from '../documents.ts'
import type { Pipeline } from '../pipeline.ts'
import { cutsOf, type Look } from '../plan.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { typedColumns } from './typed.ts'

type Source = Extract<Pipeline['source'], { format: 'avro' }>
type Planned = Omit<RunDocument, 'runId' | 'pipeline' | 'source'>

/** A header that the head does not hold is read so far, and no farther. */
const headerBytesMax = 4 * 1024 ** 2
const codecs = ['null', 'deflate', 'snappy', 'zstandard']

export interface DescribedAvro {
  header: AvroHeader
  schema: AvroField[]
  columns: Column[]
}

/** What the header says. One read beyond the head at most, and only for a header that is longer. */
export async function describeAvro(look: Look): Promise<DescribedAvro | Refusal> {
  const header = await readHeader(look)
  if (isRefusal(header)) return header
  if (!codecs.includes(header.codec)) return codecNotSupported(header.codec)
  const schema = schemaOf(header)
  if (isRefusal(schema)) return schema
  return { header, schema, columns: schema.map(({ name, node }) => ({ name, type: columnTypeOf(node) })) }
}

export async function planAvro(
  source: Source,
  look: Look,
  partitionBytes: number | undefined,
): Promise<Planned | Refusal> {
  const described = await describeAvro(look)
  if (isRefusal(described)) return described
  const { header, columns } = described
  const drifted = typedColumns(source, columns)
  if (isRefusal(drifted)) return drifted
  const { fields, drift } = drifted
  const layout = {
    format: 'avro',
    encoding: 'utf-8',
    compression: 'none',
    space: 'blocks',
    skipBytes: header.end,
    ...(fields ? { fields } : {}),
    ...(drift ? { drift } : {}),
  } as const
  const extent = { dataStart: header.end, dataEnd: look.source.bytes }
  const cuts = cutsOf(extent.dataEnd - extent.dataStart, partitionBytes)
  return isRefusal(cuts) ? cuts : { columns: drifted.columns, layout, ...extent, ...cuts }
}

async function readHeader({ source, head, read }: Look): Promise<AvroHeader | Refusal> {
  const first = headerIn(head)
  const end = Math.min(source.bytes, headerBytesMax)
  if (!isRefusal(first) || !first.atEnd || end <= head.length) return first
  return headerIn(Buffer.concat([head, await read({ start: head.length, end })]))
}

function headerIn(head: Buffer): AvroHeader | (Refusal & { atEnd: boolean }) {
  try {
    return parseHeader(head)
  } catch (error) {
    if (!(error instanceof AvroFault)) throw error
    return { ...invalid(error.at, error.message), atEnd: error.at > 0 }
  }
}

function schemaOf({ schema }: AvroHeader): AvroField[] | Refusal {
  try {
    const fields = fieldsOf(schema)
    return fields.length > 0 ? fields : schemaNotSupported('it has no fields')
  } catch (error) {
    if (!(error instanceof SchemaFault)) throw error
    return schemaNotSupported(error.message)
  }
}

function invalid(at: number, why: string): Refusal {
  return {
    code: 'AVRO_NOT_VALID',
    words: `the object is no Avro object container file: ${why} (byte ${at})`,
    remedy: 'Write or upload the file again, or set source.format to what it is.',
  }
}

function codecNotSupported(codec: string): Refusal {
  return {
    code: 'AVRO_CODEC_NOT_SUPPORTED',
    words: `the header (byte 4) says that blocks are compressed with ${codec}; known are ${codecs.join(', ')}`,
    remedy: 'Write the file with one of those codecs.',
  }
}

function schemaNotSupported(why: string): Refusal {
  return {
    code: 'AVRO_SCHEMA_NOT_SUPPORTED',
    words: `the schema in the header (byte 4) cannot be made columns: ${why}`,
    remedy: 'Write the file with a schema that defines all of its types and none within itself.',
  }
}
