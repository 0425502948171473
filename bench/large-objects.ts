/** Objects of 10 TB as their writers lay them down, as far as planning can see them. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { footerOfGroups } from '../shared/parquet/footer.ts'
import { readParquetFooter } from '../shared/parquet/read.ts'
import { isRefusal } from '../shared/plan/refusal.ts'
import { avroHeader } from './avro-input.ts'
import { bgzfBlock, bgzfContentBytes } from './inputs.ts'
import type { Simulated } from './simulated.ts'

export interface LargeObject {
  title: string
  source: Record<string, unknown>
  content: Omit<Simulated, 'bytes'>
  /** Where partitions are not counted in bytes of the object. */
  partitionBytes?: number
}

const header = 'id,name\n'
/** Hard to compress, always the same. */
const rows = Array.from({ length: 30_000 }, (_, id) => {
  const name = createHash('sha256').update(String(id)).digest('hex')
  return `${id},${name}\n`
}).join('')
const csv = { source: { format: 'csv' } }
const ndjson = Buffer.from('{"id":1,"name":"a"}\n'.repeat(1000))
const fixed = { format: 'fixed', fields: [{ name: 'id', width: 9 }], recordBytes: 10 }

/** Many a partition can be made of at once. */
export async function splittableObjects(): Promise<LargeObject[]> {
  const text = Buffer.from(header + rows)
  return [
    { title: 'CSV', ...csv, content: { unit: text } },
    { title: 'CSV in UTF-16', ...csv, content: { unit: Buffer.from(`\ufeff${header}${rows}`, 'utf16le') } },
    { title: 'NDJSON', source: { format: 'ndjson' }, content: { unit: ndjson } },
    { title: 'lines', source: { format: 'lines' }, content: { unit: text } },
    { title: 'fixed, records of 10 bytes', source: fixed, content: { unit: Buffer.from('123456789;') } },
    { title: 'CSV in BGZF', ...csv, content: { unit: blocks(text, bgzfContentBytes, bgzfBlock) } },
    {
      title: 'CSV in gzip of many members',
      ...csv,
      content: { unit: blocks(text, 512 * 1024, content => gzipSync(content)) },
    },
    { title: 'CSV in zstd of many frames', ...csv, content: { unit: frames(text) } },
    {
      title: 'CSV in seekable zstd',
      ...csv,
      content: { unit: frames(text), last: seekFooter(20_000_000) },
    },
    {
      title: 'Parquet of 10,000 row groups',
      source: { format: 'parquet' },
      content: await parquet(10_000),
      // Smaller than any row group: each becomes a partition of its own.
      partitionBytes: 1,
    },
    { title: 'Avro', source: { format: 'avro' }, content: { unit: avroHeader() } },
  ]
}

/** Only to be read from their start: the split stage takes them first, and their partitions are counted behind it. */
export function serialObjects(): LargeObject[] {
  const long = Buffer.from(header + rows.repeat(2))
  return [
    { title: 'CSV in gzip, one stream', ...csv, content: { unit: gzipSync(long) } },
    { title: 'CSV in zstd, one frame', ...csv, content: { unit: zstdCompressSync(long) } },
    {
      title: 'JSON, one array',
      source: { format: 'json' },
      content: { unit: Buffer.from(`[${'{"id":1},\n'.repeat(10_000)}`) },
    },
  ]
}

function blocks(content: Buffer, bytes: number, block: (content: Buffer) => Buffer): Buffer {
  const all: Buffer[] = []
  for (let at = 0; at < content.length; at += bytes) all.push(block(content.subarray(at, at + bytes)))
  return Buffer.concat(all)
}

const frames = (content: Buffer): Buffer => blocks(content, 512 * 1024, part => zstdCompressSync(part))

/** The end of a seek table of so many frames (zstd's contrib/seekable_format). */
function seekFooter(count: number): Buffer {
  const footer = Buffer.alloc(9)
  footer.writeUInt32LE(count, 0)
  footer.writeUInt32LE(0x8f92eab1, 5)
  return footer
}

/** The footer of a file of one row group, which is described in it over and over. */
async function parquet(groups: number): Promise<Omit<Simulated, 'bytes'>> {
  const file = await parquetFile()
  const read = await readParquetFooter(file.length, async ({ start, end }) => file.subarray(start, end))
  if (isRefusal(read)) throw new Error(read.words)
  const [group] = read.footer.groups
  if (group === undefined) throw new TypeError('the file has no row group')
  const { start, end } = group.described
  const described = Buffer.from(read.footer.bytes.subarray(start, end))
  const bytes = Buffer.concat([read.footer.bytes.subarray(0, start), ...Array(groups).fill(described)])
  const all = Array.from({ length: groups }, (_, at) => ({
    ...group,
    described: { start: start + at * described.length, end: start + (at + 1) * described.length },
  }))
  const tail = Buffer.from(read.footer.bytes.subarray(end))
  const groupsValue = { ...read.footer.groupsValue, end: bytes.length }
  const footer = { ...read.footer, bytes: Buffer.concat([bytes, tail]), groups: all, groupsValue }
  const written = footerOfGroups(footer, 0, groups)
  const ending = Buffer.alloc(8, 'xxxxPAR1')
  ending.writeUInt32LE(written.length)
  return { unit: file.subarray(0, read.footerAt), last: Buffer.concat([written, ending]) }
}

async function parquetFile(): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-parquet-'))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const file = join(folder, 'one.parquet')
    const columns = Array.from({ length: 10 }, (_, at) => `i + ${at} AS c${at}`).join(', ')
    await connection.run(`COPY (SELECT ${columns} FROM range(2000) t(i)) TO '${file}' (FORMAT parquet)`)
    return readFileSync(file)
  } finally {
    connection.closeSync()
    instance.closeSync()
    rmSync(folder, { recursive: true })
  }
}
