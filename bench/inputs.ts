/** The files that the formats are measured on: the same records, as each format has them. Seeded: always the same. */
import { closeSync, createReadStream, createWriteStream, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, crc32, createGzip, deflateRawSync, gzipSync } from 'node:zlib'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { writeAvro } from './avro-input.ts'

/** Of a CSV record, about: how many records make the megabytes that were asked for. */
const recordBytes = 105
const MB = 1e6
/** What bgzip puts into a block, and what a writer of members might. */
export const bgzfContentBytes = 65_280
const memberBytes = 512 * 1024

/** `share` of 100 hash to it; columns must not go together, so each has a `salt`. */
const chance = (salt: number): string => `(hash(i * 31 + ${salt}) % 100)`
const number = (salt: number, below: number): string => `(hash(i * 31 + ${salt}) % ${below})::BIGINT`

/** Of each 100 texts 28 are quoted in CSV: a comma is in them or, in 2 notes of 100, a newline. */
const recordsSql = (records: number): string => `
  SELECT i AS id,
    TIMESTAMP '2026-01-01' + to_seconds(${number(1, 31_536_000)}) AS placed,
    (${number(2, 10_000_000)} / 100)::DECIMAL(12,2) AS price,
    ${number(3, 500)}::INTEGER AS quantity,
    ${number(4, 1_000_000)}::DOUBLE / 1024 AS ratio,
    ${chance(5)} < 50 AS paid,
    CASE WHEN ${chance(6)} < 28 THEN 'Washington, D.C.'
      ELSE ['Oslo', 'München', 'São Paulo', 'Nairobi'][1 + ${number(8, 4)}] END AS city,
    CASE WHEN ${chance(7)} < 26 THEN 'left at the door, ' || hex(hash(i))
      WHEN ${chance(7)} < 28 THEN 'ring twice' || chr(10) || 'then wait ' || hex(hash(i))
      ELSE 'handed to a neighbour ' || hex(hash(i)) END AS note
  FROM range(${records}) t(i)`

const logSql = `
  SELECT format('10.{}.{}.{} - - [{}] "GET /items/{}?page={} HTTP/1.1" {} {} "https://example.com/{}" "Mozilla/5.0 (X11; Linux x86_64) {}"',
    id % 200, quantity % 250, id % 99, strftime(placed, '%d/%b/%Y:%H:%M:%S +0000'), id, quantity % 17,
    [200, 200, 200, 304, 404, 500][1 + id % 6], quantity * 37, city[1], upper(hex(id))) AS line
  FROM records`

/** Widths: 12, 19, 14, 6, 40. */
const fixedSql = `
  SELECT lpad(id::VARCHAR, 12, ' ') || strftime(placed, '%Y-%m-%d %H:%M:%S') || lpad(price::VARCHAR, 14, ' ')
    || lpad(quantity::VARCHAR, 6, ' ') || rpad(replace(note, chr(10), ' '), 40, ' ') AS line
  FROM records`

/**
 * Writes every input into the folder. Returns how many records each one has.
 * @param megabytes of CSV, about
 */
export async function writeInputs(folder: string, megabytes: number): Promise<number> {
  const records = Math.ceil((megabytes * MB) / recordBytes)
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    await connection.run(`CREATE TABLE records AS ${recordsSql(records)}`)
    await writeByDuckDb(connection, folder)
    await writeAvro(connection, join(folder, 'records.avro'))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
  const csv = join(folder, 'records.csv')
  writeUtf16(csv, join(folder, 'records.utf16.csv'))
  await pipeline(createReadStream(csv), createGzip(), createWriteStream(`${csv}.gz`))
  writeBlocks(
    csv,
    join(folder, 'records.bgzf.csv.gz'),
    bgzfContentBytes,
    bgzfBlock,
    bgzfBlock(Buffer.alloc(0)),
  )
  writeBlocks(csv, join(folder, 'records.members.csv.gz'), memberBytes, content => gzipSync(content))
  return records
}

async function writeByDuckDb(connection: DuckDBConnection, folder: string): Promise<void> {
  const copy = (what: string, file: string, options: string) =>
    connection.run(`COPY (${what}) TO '${join(folder, file).replaceAll("'", "''")}' (${options})`)
  const plain = "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01'"
  await copy('FROM records', 'records.csv', 'FORMAT csv, HEADER')
  await copy('FROM records', 'records.ndjson', 'FORMAT json')
  await copy('FROM records', 'records.json', 'FORMAT json, ARRAY true')
  await copy('FROM records', 'records.parquet', 'FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000')
  await copy(logSql, 'records.log', plain)
  await copy(fixedSql, 'records.txt', plain)
}

/** Little-endian, with a mark. */
function writeUtf16(from: string, to: string): void {
  writeInParts(to, [
    Buffer.from('\ufeff', 'utf16le'),
    Buffer.from(readFileSync(from).toString('utf8'), 'utf16le'),
  ])
}

function writeBlocks(
  from: string,
  to: string,
  bytes: number,
  block: (content: Buffer) => Buffer,
  last: Buffer = Buffer.alloc(0),
): void {
  const content = readFileSync(from)
  const parts: Buffer[] = []
  for (let at = 0; at < content.length; at += bytes) parts.push(block(content.subarray(at, at + bytes)))
  writeInParts(to, [...parts, last])
}

function writeInParts(file: string, parts: Buffer[]): void {
  const descriptor = openSync(file, 'wx')
  for (const part of parts) {
    for (let at = 0; at < part.length; ) at += writeSync(descriptor, part, at)
  }
  closeSync(descriptor)
}

/** As bgzip writes it (SAM specification, 4.1). @param content at most 64 KiB */
export function bgzfBlock(content: Buffer): Buffer {
  const deflated = deflateRawSync(content, { level: constants.Z_DEFAULT_COMPRESSION })
  const header = Buffer.from('1f8b08040000000000ff0600424302000000', 'hex')
  header.writeUInt16LE(header.length + deflated.length + 8 - 1, 16)
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(content), 0)
  trailer.writeUInt32LE(content.length, 4)
  return Buffer.concat([header, deflated, trailer])
}
