/** What a run published, read back without any of the code that wrote it. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { parse } from 'csv-parse/sync'
import { type Certificate, officialOutputs } from '../../shared/certificate.ts'
import type { RejectedRecord } from '../../shared/documents.ts'

export interface Place {
  dataDir: string
  certificate: string
}

export function certificateAt({ dataDir, certificate }: Place): Certificate {
  return JSON.parse(readFileSync(path.join(dataDir, 'objects', 'output', certificate), 'utf8')) as Certificate
}

/** Holds a certificate against the source and the files it names. Answers it. */
export async function provenCertificate(place: Place, source: Buffer): Promise<Certificate> {
  const certificate = certificateAt(place)
  assert.equal(certificate.source.bytes, source.length)
  tiles(certificate, source.length)
  for (const field of ['recordsRead', 'recordsRejected', 'recordsWritten'] as const) {
    const sum = certificate.partitions.reduce((total, partition) => total + partition[field], 0)
    assert.equal(certificate[field], sum, field)
  }
  const files = filesOf(place, certificate)
  for (const { file, bytes, sha256, records } of files) {
    const content = readFileSync(file)
    assert.equal(content.length, bytes)
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256)
    assert.deepEqual(await query(`SELECT count(*) FROM ${tableOf([file])}`), [[String(records)]])
  }
  assert.deepEqual(
    filesBeside(place, certificate),
    files.map(({ file }) => file).toSorted(),
    'the files of the run are the ones that the certificate names',
  )
  const records = files.reduce((sum, output) => sum + output.records, 0)
  assert.equal(records, certificate.recordsWritten)
  return certificate
}

/** The ranges really read lie end to end, from the first record to the last byte. */
function tiles({ dataStart, partitions }: Certificate, bytes: number): void {
  let cursor = dataStart
  for (const { range } of partitions) {
    if (range === null) continue
    assert.equal(range[0], cursor)
    assert.ok(range[1] > range[0])
    cursor = range[1]
  }
  assert.equal(cursor, bytes)
}

function filesOf({ dataDir }: Place, certificate: Certificate) {
  return officialOutputs(certificate).map(output => ({
    ...output,
    file: path.join(dataDir, 'objects', certificate.outputBucket, output.key),
  }))
}

/** DuckDB's own readers; of CSV every value is text. */
function tableOf(files: string[]): string {
  const list = `[${files.map(file => `'${file}'`).join(', ')}]`
  const [, format = ''] = /[.](parquet|csv|ndjson)([.]gz|[.]zst)?$/.exec(files[0] ?? '') ?? []
  if (format === 'ndjson') return `read_ndjson(${list}, hive_partitioning = false)`
  if (format !== 'csv') return `read_parquet(${list}, hive_partitioning = false)`
  return `read_csv(${list}, header = true, delim = ',', quote = '"', escape = '"', nullstr = '',
    allow_quoted_nulls = false, all_varchar = true, hive_partitioning = false)`
}

function filesBeside({ dataDir, certificate }: Place, { runId, outputBucket }: Certificate): string[] {
  const folder = path.join(dataDir, 'objects', outputBucket, path.dirname(certificate), '..', `run=${runId}`)
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => path.join(entry.parentPath, entry.name))
      .toSorted()
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return []
    throw error
  }
}

/** The published table in the order of the source. Nothing is published: no rows. */
export async function publishedRows(place: Place, select = '*'): Promise<unknown[][]> {
  const files = filesOf(place, certificateAt(place)).map(({ file }) => file)
  return files.length === 0 ? [] : query(`SELECT ${select} FROM ${tableOf(files)}`)
}

async function query(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(sql)).getRowsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The records of a CSV file as another program reads them: an empty field is NULL, a quoted one is empty text. */
export function csvRows(source: Buffer | string): (string | null)[][] {
  return parse(source, {
    bom: true,
    record_delimiter: ['\n', '\r\n'],
    skip_empty_lines: true,
    from: 2,
    cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
  }) as (string | null)[][]
}

export function rejectsAt(dataDir: string, certificate: Certificate): RejectedRecord[] {
  return certificate.partitions.flatMap(({ rejectsKey }) =>
    rejectsKey === undefined ? [] : readRejects(path.join(dataDir, 'objects', 'state', rejectsKey)),
  )
}

export function readRejects(file: string): RejectedRecord[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as RejectedRecord)
}
