/** One table in every format, as programs write it. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import type { Space } from '../../shared/layout.ts'
import { bytes as avroBytes, avroFile, double, long, packed, recordOf } from '../worker/avro-file.ts'
import { bgzfBlock, bgzfEnd, membersOf, zstdFrame } from '../worker/compressed-given.ts'
import { csvRows } from './published.ts'
import { tempDir } from './story.ts'

/** Of `id` and `text`; the texts hold whatever a CSV must quote. */
export const records = Array.from({ length: 4000 }, (_, id) => ({
  id,
  text: [`plain ${id}`, `"quoted", ${id}`, `two\nlines; of ${id}`, `${id},5 é€`][id % 4] ?? '',
}))
export const rows = records.map(({ id, text }) => [id, text])
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
export const csv = (delimiter = ',', end = '\n'): string =>
  ['id,text'.replace(',', delimiter), ...records.map(({ id, text }) => `${id}${delimiter}${quoted(text)}`)]
    .map(line => line + end)
    .join('')
export const ndjson = records.map(record => `${JSON.stringify(record)}\n`).join('')
/** What Windows calls ANSI: latin-1 but for the euro sign, of the characters in use. */
const windows1252 = (text: string): Buffer => Buffer.from(text.replaceAll('€', '\x80'), 'latin1')
const plainRows = records.map(({ id }) => [id, `name ${id}`])
const accessLog = records
  .map(
    ({ id }) => `10.0.0.${id % 256} - - [21/Nov/2026:10:00:00 +0100] "GET /${id} HTTP/1.1" 200 5 "-" "x"\n`,
  )
  .join('')

async function parquet(): Promise<Buffer> {
  const { dir, remove } = tempDir()
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const file = path.join(dir, 'a.parquet')
  try {
    await connection.run(`COPY (SELECT range::INTEGER AS id, 'name ' || range AS text FROM range(5000))
      TO '${file}' (ROW_GROUP_SIZE 2048)`)
    return readFileSync(file)
  } finally {
    connection.closeSync()
    instance.closeSync()
    remove()
  }
}

export function avro(): Buffer {
  const record = ({ id, text }: { id: number; text: string }): Buffer =>
    Buffer.concat([long(id), avroBytes(text), double(id / 2)])
  const blocks = Array.from({ length: 40 }, (_, at) => records.slice(at * 100, at * 100 + 100).map(record))
  return avroFile(
    recordOf({ id: 'int', text: 'string', half: 'double' }),
    blocks.map(each => packed(deflateRawSync(Buffer.concat(each)), each.length)),
    'deflate',
  )
}

export interface Kind {
  source: Record<string, unknown>
  content: () => Buffer | string | Promise<Buffer>
  space: Space
  partitionBytes?: number
  sql?: string
  output?: Record<string, unknown>
  expected?: unknown[][]
}

export const columns = { id: 'INTEGER', text: 'VARCHAR' }
export const typed = { format: 'csv', columns }
const bgzf = Buffer.concat([membersOf(Buffer.from(csv()), [1500], content => bgzfBlock(content)), bgzfEnd])
export const kinds: Record<string, Kind> = {
  tabs: { source: typed, content: () => csv('\t'), space: 'bytes', partitionBytes: 40_000 },
  'tabs-untyped': {
    source: { format: 'csv' },
    content: () => csv('\t'),
    space: 'bytes',
    expected: csvRows(csv()),
  },
  'utf-16': {
    source: typed,
    content: () => Buffer.from(`\ufeff${csv(',', '\r\n')}`, 'utf16le'),
    space: 'bytes',
    partitionBytes: 80_001,
  },
  windows: { source: typed, content: () => windows1252(csv(';')), space: 'bytes', partitionBytes: 40_000 },
  excel: {
    source: typed,
    content: () => `\ufeffsep=;\r\n${csv(';', '\r\n')}`,
    space: 'bytes',
    partitionBytes: 40_000,
  },
  fixed: {
    source: {
      format: 'fixed',
      fields: [
        { name: 'id', type: 'INTEGER', width: 5 },
        { name: 'text', start: 6, width: 10 },
      ],
    },
    content: () => records.map(({ id }) => `${String(id).padStart(5)}|${`name ${id}`.padEnd(10)}\n`).join(''),
    space: 'bytes',
    partitionBytes: 40_000,
    expected: plainRows,
  },
  nginx: {
    source: { format: 'lines', preset: 'nginx-combined' },
    content: () => gzipSync(accessLog),
    space: 'whole',
    sql: "SELECT path, status, (time AT TIME ZONE 'UTC')::VARCHAR FROM input",
    expected: records.map(({ id }) => [`/${id}`, 200, '2026-11-21 09:00:00']),
  },
  'ndjson-zst': {
    source: { format: 'ndjson', columns },
    content: () => zstdCompressSync(ndjson),
    space: 'whole',
  },
  'gzip-small': { source: typed, content: () => gzipSync(csv()), space: 'whole' },
  'gzip-large': {
    source: typed,
    content: () => gzipSync(csv()),
    space: 'pieces',
    partitionBytes: 15_000,
  },
  bgzf: { source: typed, content: () => bgzf, space: 'blocks', partitionBytes: 6000 },
  frames: {
    source: { format: 'ndjson', columns },
    content: () => membersOf(Buffer.from(ndjson), [3000], zstdFrame),
    space: 'blocks',
    partitionBytes: 6000,
  },
  array: {
    source: { format: 'json', path: 'data.items', columns },
    content: () => JSON.stringify({ data: { items: records }, n: [1] }, null, 1),
    space: 'pieces',
    partitionBytes: 40_000,
  },
  parquet: {
    source: { format: 'parquet' },
    content: parquet,
    space: 'rowGroups',
    partitionBytes: 1000,
    expected: Array.from({ length: 5000 }, (_, id) => [id, `name ${id}`]),
  },
  avro: {
    source: { format: 'avro' },
    content: avro,
    space: 'blocks',
    partitionBytes: 20_000,
    expected: records.map(({ id, text }) => [id, text, id / 2]),
  },
  'as-csv': {
    source: typed,
    content: () => csv(),
    space: 'bytes',
    partitionBytes: 40_000,
    output: { format: 'csv', compression: 'gzip' },
    expected: csvRows(csv()),
  },
  'as-ndjson': {
    source: typed,
    content: () => csv(),
    space: 'bytes',
    partitionBytes: 40_000,
    output: { format: 'ndjson', compression: 'zstd' },
    expected: records.map(({ id, text }) => [String(id), text]),
  },
  merged: {
    source: typed,
    content: () => csv(),
    space: 'bytes',
    partitionBytes: 40_000,
    output: { targetFileBytes: 1024 ** 2 },
  },
}
