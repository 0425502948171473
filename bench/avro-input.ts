/** An Avro object container file, byte for byte: the specification's own encoding, without compression. */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { DuckDBConnection } from '@duckdb/node-api'

const sync = Buffer.from('sixteen bytes of')
const recordsPerBlock = 500

const schema = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'placed', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'quantity', type: 'int' },
    { name: 'ratio', type: 'double' },
    { name: 'paid', type: 'boolean' },
    { name: 'city', type: 'string' },
    { name: 'note', type: ['null', 'string'] },
  ],
}

/** Of the table `records`. */
export async function writeAvro(connection: DuckDBConnection, file: string): Promise<void> {
  const descriptor = openSync(file, 'wx')
  writeSync(descriptor, avroHeader())
  const sql = 'SELECT id, epoch_us(placed), quantity, ratio, paid, city, note FROM records'
  const result = await connection.stream(sql)
  let block: Buffer[] = []
  for (
    let chunk = await result.fetchChunk();
    chunk && chunk.rowCount > 0;
    chunk = await result.fetchChunk()
  ) {
    for (const row of chunk.getRows()) {
      block.push(encoded(row))
      if (block.length < recordsPerBlock) continue
      writeSync(descriptor, avroBlock(block))
      block = []
    }
  }
  if (block.length > 0) writeSync(descriptor, avroBlock(block))
  closeSync(descriptor)
}

export function avroHeader(): Buffer {
  const meta = [text('avro.schema'), text(JSON.stringify(schema)), text('avro.codec'), text('null')]
  return Buffer.concat([Buffer.from('Obj\x01'), long(2), ...meta, long(0), sync])
}

function avroBlock(records: Buffer[]): Buffer {
  const data = Buffer.concat(records)
  return Buffer.concat([long(records.length), long(data.length), data, sync])
}

function encoded([id, placed, quantity, ratio, paid, city, note]: unknown[]): Buffer {
  const double = Buffer.alloc(8)
  double.writeDoubleLE(Number(ratio))
  const numbers = [long(Number(id)), long(Number(placed)), long(Number(quantity)), double]
  const branch = long(1)
  return Buffer.concat([
    ...numbers,
    Buffer.from([paid ? 1 : 0]),
    text(String(city)),
    branch,
    text(String(note)),
  ])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([long(bytes.length), bytes])
}

/** Zigzag, seven bits a byte; not for values below 0. */
function long(value: number): Buffer {
  const bytes: number[] = []
  let rest = value * 2
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}
