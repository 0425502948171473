/** The header of an Avro object container file. Pure. */
import { AvroCursor, AvroFault } from './cursor.ts'

export const avroMagic = 'Obj\x01'
export const syncBytes = 16

export interface AvroHeader {
  /** JSON. */
  schema: string
  codec: string
  /** Ends every block. */
  sync: Buffer
  /** Where the first block begins. */
  end: number
}

/** Errors: AvroFault, also where the header goes on behind `head`. */
export function parseHeader(head: Buffer): AvroHeader {
  const cursor = new AvroCursor(head)
  cursor.advance(avroMagic.length)
  if (head.toString('latin1', 0, avroMagic.length) !== avroMagic)
    throw new AvroFault(0, 'it does not begin with Obj 1')
  let schema: string | undefined
  let codec = 'null'
  cursor.items(() => {
    const key = cursor.text()
    const value = cursor.data().toString('utf8')
    if (key === 'avro.schema') schema = value
    if (key === 'avro.codec') codec = value
  })
  const from = cursor.advance(syncBytes)
  if (schema === undefined) throw new AvroFault(avroMagic.length, 'its header has no schema')
  return { schema, codec, sync: head.subarray(from, cursor.at), end: cursor.at }
}
