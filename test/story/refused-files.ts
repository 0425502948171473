/** Files that no run can take as a whole, and what is said of each. */
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { avro, columns, csv, ndjson, records, typed } from './format-files.ts'

export interface Refused {
  source: Record<string, unknown>
  content: () => Buffer | string
  code: string
  words: RegExp
  partitionBytes?: number
}

/** Longer than what planning reads. */
const long64KiB = `id,text\n${records.map(({ id }) => `${id},${String(Math.imul(id, 2654435761) >>> 0).repeat(4)}\n`).join('')}`
const flipped = (content: Buffer, at: number): Buffer => {
  const changed = Buffer.from(content)
  changed.writeUInt8(changed.readUInt8(at) ^ 0x55, at)
  return changed
}
const half = (content: Buffer): Buffer => content.subarray(0, content.length / 2)
export const refusals: Record<string, Refused> = {
  'gzip that breaks off, read whole': {
    source: typed,
    content: () => half(gzipSync(long64KiB)),
    code: 'STREAM_TRUNCATED',
    words: /breaks off at byte \d+/,
  },
  'gzip that breaks off, in the split stage': {
    source: typed,
    content: () => half(gzipSync(long64KiB)),
    code: 'STREAM_TRUNCATED',
    words: /breaks off at byte \d+/,
    partitionBytes: 15_000,
  },
  'zstd that breaks off within its first block': {
    source: typed,
    content: () => zstdCompressSync('id,text\n1,a\n').subarray(0, -3),
    code: 'STREAM_TRUNCATED',
    words: /breaks off at byte \d+/,
  },
  'gzip damaged in its middle': {
    source: typed,
    content: () => flipped(gzipSync(long64KiB, { level: 0 }), 90_000),
    code: 'STREAM_CORRUPT',
    words: /byte \d+/,
  },
  'gzip damaged at its start': {
    source: typed,
    content: () => flipped(gzipSync(csv()), 14),
    code: 'STREAM_CORRUPT',
    words: /byte 0/,
  },
  'gzip with a word behind it': {
    source: typed,
    content: () => Buffer.concat([gzipSync(csv()), Buffer.from('done')]),
    code: 'TRAILING_BYTES',
    words: /byte \d+/,
  },
  'a bomb': {
    source: { ...typed, decompressed: { bytesMax: 100_000 } },
    content: () => gzipSync(`id,text\n${'1,a\n'.repeat(200_000)}`),
    code: 'DECOMPRESSION_BOMB',
    words: /100000/,
  },
  'gzip called zstd': {
    source: { ...typed, compression: 'zstd' },
    content: () => gzipSync(csv()),
    code: 'COMPRESSION_DIFFERS',
    words: /byte 0 begins gzip/,
  },
  'a zip file': {
    source: typed,
    content: () => Buffer.from('504b0304140000000000', 'hex'),
    code: 'COMPRESSION_NOT_SUPPORTED',
    words: /byte 0 begins a zip file/,
  },
  'gzip in gzip': {
    source: typed,
    content: () => gzipSync(gzipSync(csv())),
    code: 'COMPRESSED_TWICE',
    words: /byte 0 begins a gzip stream, and what is in it begins a gzip file/,
  },
  'text called Parquet': {
    source: { format: 'parquet' },
    content: csv,
    code: 'PARQUET_NOT_VALID',
    words: /last 4 bytes are not PAR1 \(byte \d+\)/,
  },
  'encrypted Parquet': {
    source: { format: 'parquet' },
    content: () => 'PAREsecrets\0\0\0\0PARE',
    code: 'PARQUET_ENCRYPTED',
    words: /footer is encrypted/,
  },
  'Parquet called CSV': {
    source: typed,
    content: () => 'PAR1\x15\0...PAR1',
    code: 'FORMAT_DIFFERS',
    words: /byte 0 begins a Parquet file, source.format is csv/,
  },
  'Avro called JSON, in gzip': {
    source: { format: 'json', columns },
    content: () => gzipSync(avro()),
    code: 'FORMAT_DIFFERS',
    words: /byte 0 begins an Avro file, source.format is json/,
  },
  'a JSON array called NDJSON': {
    source: { format: 'ndjson', columns },
    content: () => JSON.stringify(records, null, 2),
    code: 'FORMAT_DIFFERS',
    words: /byte 0 begins a JSON array of objects, source.format is ndjson/,
  },
  'Parquet in gzip': {
    source: { format: 'parquet' },
    content: () => gzipSync('PAR1\x15\0...PAR1'),
    code: 'COMPRESSION_NOT_SUPPORTED',
    words: /byte 0 begins a gzip file; a Parquet file is taken as it is/,
  },
  'text called Avro': {
    source: { format: 'avro' },
    content: csv,
    code: 'AVRO_NOT_VALID',
    words: /byte 0/,
  },
  'Avro damaged in a block': {
    source: { format: 'avro' },
    content: () => flipped(avro(), 3000),
    code: 'AVRO_CORRUPT',
    words: /byte \d+/,
  },
  'a JSON object': {
    source: { format: 'json', columns },
    content: () => '{"id":1,"text":"a"}',
    code: 'JSON_NOT_ARRAY',
    words: /byte 0 \(line 1\)/,
  },
  'JSON broken behind its head, in the split stage': {
    source: { format: 'json', columns },
    content: () => `[\n${ndjson.trimEnd().replaceAll('\n', ',\n').replace('{"id":3800', '}{"id":3800')}\n]`,
    code: 'JSON_BROKEN',
    words: /byte \d+ \(line 3802\)/,
    partitionBytes: 40_000,
  },
  'a JSON path that leads nowhere': {
    source: { format: 'json', path: 'data.rows', columns },
    content: () => '{"data":{"items":[]}}',
    code: 'PATH_NOT_FOUND',
    words: /items/,
  },
  'CSV in two dialects at once': {
    source: { format: 'csv' },
    content: () => 'a;b,c\n1;2,3\n4;5,6\n',
    code: 'DIALECT_UNCLEAR',
    words: /two ways/,
  },
  'CSV of which Excel is told otherwise': {
    source: { ...typed, delimiter: ',' },
    content: () => `sep=;\r\n${csv(';')}`,
    code: 'DELIMITER_DIFFERS',
    words: /first line \(byte 0\)/,
  },
  'a first record of numbers above numbers': {
    source: { format: 'csv' },
    content: () => '1,2\n3,4\n',
    code: 'HEADER_UNCLEAR',
    words: /./,
  },
  'UTF-16 called UTF-8': {
    source: { ...typed, encoding: 'utf-8' },
    content: () => Buffer.from(`\ufeff${csv()}`, 'utf16le'),
    code: 'ENCODING_DIFFERS',
    words: /byte 0|byte order mark/,
  },
}
