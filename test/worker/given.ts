/** A run of one pipeline over one text, planned by hand, on ports in memory. */

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { readCsvHeader } from '../../shared/csv-header.ts'
import type { Assignment, Column, RunDocument } from '../../shared/documents.ts'
import { stateKeys } from '../../shared/documents.ts'
import { createMemoryObjects } from '../../shared/memory/objects.ts'
import { createMemoryRecords } from '../../shared/memory/records.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import type { Clock, Objects, Records } from '../../shared/ports.ts'
import { fromItem, type PartitionRecord, recordKeys } from '../../shared/records.ts'
import type { Leave } from '../../worker/notice/leave.ts'
import { work } from '../../worker/work.ts'

export const runId = 'given_0123456789abcdef01234567'
export const buckets = { drops: 'drops', state: 'state', output: 'output' }

/** Time that moves by one second at each look. */
export function steppingClock(): Clock {
  let ms = Date.UTC(2026, 0, 1)
  return { now: () => (ms += 1000), sleep: async () => {}, random: () => 0.5 }
}

export interface GivenOptions {
  text: string | Buffer
  source?: Record<string, unknown>
  columns?: Column[]
  sql?: string
  /** In place of `sql`. */
  work?: Record<string, unknown>
  partitionBy?: string[]
  output?: Record<string, unknown>
  rejectedRecords?: number
  partitionBytes?: number
}

export async function givenRun(options: GivenOptions) {
  const objects = createMemoryObjects({ versioned: true })
  const records = createMemoryRecords()
  const clock = steppingClock()
  const content = Buffer.from(options.text)
  const ref = { bucket: buckets.drops, key: 'in/file with space+ü.csv' }
  const info = await objects.write(ref, content)
  const pipeline = parsePipeline(
    {
      name: 'given',
      source: { prefix: 'in/', format: 'csv', ...options.source },
      work: options.work ?? { sql: options.sql ?? 'SELECT * FROM input' },
      output: { prefix: 'out/', partitionBy: options.partitionBy ?? [], ...options.output },
      tolerate: { rejectedRecords: options.rejectedRecords ?? 0 },
    },
    'given',
  )
  const { source } = pipeline
  const csv =
    source.format === 'csv' ? { delimiter: source.delimiter ?? ',', quote: source.quote ?? '"' } : undefined
  const named = source.format === 'csv' && source.header !== false
  const header = csv && named ? readCsvHeader(content, csv, true) : undefined
  const columns = options.columns ?? header?.names.map(name => ({ name, type: 'VARCHAR' })) ?? []
  const dataStart = header?.endOffset ?? 0
  const partitionBytes = options.partitionBytes ?? content.length
  const assignments: Assignment[] = []
  for (let start = dataStart; start < content.length; start += partitionBytes) {
    const end = Math.min(content.length, start + partitionBytes)
    assignments.push({ partition: assignments.length, start, end })
  }
  const run: RunDocument = {
    runId,
    pipeline,
    source: {
      ...ref,
      bytes: info.bytes,
      etag: info.etag,
      ...(info.version ? { version: info.version } : {}),
    },
    columns,
    layout: {
      format: source.format,
      encoding: 'utf-8',
      compression: 'none',
      space: 'bytes',
      skipBytes: dataStart,
      ...(csv ? { csv, header: named } : {}),
    },
    dataStart,
    dataEnd: info.bytes,
    partitionBytes,
    partitions: assignments.length,
  }
  const put = (key: string, document: unknown) =>
    objects.write({ bucket: buckets.state, key }, Buffer.from(JSON.stringify(document)))
  await put(stateKeys.run(runId), run)
  await put(stateKeys.assignments(runId, 1, 0), { round: 1, page: 0, assignments })
  await put(stateKeys.assignments(runId, 2, 0), { round: 2, page: 0, assignments })
  return { objects, records, clock, run, assignments, content, ref }
}

export type Given = Awaited<ReturnType<typeof givenRun>>

export interface WorkedOptions {
  index?: number
  round?: number
  jobAttempt?: number
  jobId?: string
  objects?: Objects
  records?: Records
  signal?: AbortSignal
  leave?: Leave
  metadataUrl?: string
  memoryMiB?: number
  /** Called as each line of the log is written; the worker waits meanwhile. */
  onLine?: (message: unknown, scratch: string) => void
}

/** Runs one worker. `left`: what it left in the scratch folder's parent. */
export async function worked(given: Given, options: WorkedOptions = {}) {
  const scratch = await mkdtemp(join(tmpdir(), 'millrace-worker-test-'))
  const lines: string[] = []
  const environment = {
    MILLRACE_RUN_ID: runId,
    MILLRACE_ROUND: String(options.round ?? 1),
    MILLRACE_CHUNK: '0',
    AWS_BATCH_JOB_ID: options.jobId ?? 'job-1',
    AWS_BATCH_JOB_ARRAY_INDEX: String(options.index ?? 0),
    AWS_BATCH_JOB_ATTEMPT: String(options.jobAttempt ?? 1),
    MILLRACE_MEMORY_MIB: String(options.memoryMiB ?? 1024),
    MILLRACE_SCRATCH: scratch,
  }
  try {
    const ports = {
      objects: options.objects ?? given.objects,
      records: options.records ?? given.records,
      clock: given.clock,
    }
    const exitCode = await work(ports, environment, {
      config: { buckets },
      write: line => {
        lines.push(line)
        options.onLine?.(JSON.parse(line).message, scratch)
      },
      ...(options.signal ? { signal: options.signal } : {}),
      ...(options.leave ? { leave: options.leave, metadataUrl: options.metadataUrl } : {}),
    })
    const left = await readdir(scratch)
    const log = lines.map(line => JSON.parse(line) as Record<string, unknown>)
    return { exitCode, left, log, partition: await partitionOf(given, options.index ?? 0) }
  } finally {
    await rm(scratch, { recursive: true })
  }
}

export async function partitionOf(given: Given, partition: number): Promise<PartitionRecord | undefined> {
  const item = await given.records.get(recordKeys.partition(runId, partition))
  return item && fromItem<PartitionRecord>(item)
}

export async function contentOf(objects: Objects, bucket: string, key: string): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of await objects.read({ bucket, key })) parts.push(part)
  return Buffer.concat(parts)
}

export async function rejectsOf(given: Given, key: string | undefined) {
  if (key === undefined) return []
  const text = (await contentOf(given.objects, buckets.state, key)).toString()
  return text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as { byteOffset: number; column?: string; reason: string; raw: string })
}

/** What a reader of the published Parquet sees, every value as text. */
export async function rowsOf(given: Given, sql = 'SELECT * FROM output'): Promise<unknown[][]> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-worker-rows-'))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const { objects: found } = await given.objects.list(buckets.output, 'out/')
    for (const [at, { key }] of found.entries()) {
      await writeFile(
        join(dir, `${String(at).padStart(6, '0')}.parquet`),
        await contentOf(given.objects, buckets.output, key),
      )
    }
    await connection.run("SET TimeZone = 'UTC'")
    await connection.run(`CREATE VIEW output AS SELECT * FROM read_parquet('${dir}/*.parquet')`)
    return (await connection.runAndReadAll(sql)).getRowsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(dir, { recursive: true })
  }
}
