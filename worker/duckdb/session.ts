/** One DuckDB in memory, shut in: it reads and writes our scratch folder and nothing else. */
import { type DuckDBConnection, DuckDBInstance, type StatementType } from '@duckdb/node-api'
import { type ErrorCode, MillraceError } from '../../shared/errors.ts'
import type { Scratch } from '../scratch.ts'
import { literal } from './text.ts'
import { type ResultColumn, resultType } from './type.ts'

/**
 * What DuckDB may count as its own, of a job's `memoryMiB`: a share, and never what the rest of the process needs.
 * That rest, measured on partitions of 100 MB: Node with both libraries, the read window (0.5 MiB, more only for a
 * longer record: up to three times its length) and the spool's buffer (1 MiB) are 130 MiB when all is read. What
 * DuckDB does not count (Parquet's pages, memory freed and not given back) is 60 to 150 MiB as a rule; with wide
 * text, or where the SQL sorts, up to 260 MiB were seen at times: more than a job of 512 MiB has.
 */
const memoryShare = 0.6
const besideDuckDbMiB = 288

export interface Session {
  /** Errors: `code` (default WORK_FAILED), OUT_OF_MEMORY, STOPPED; DuckDB's own words in the message. */
  run(sql: string, code?: ErrorCode): Promise<void>
  rows(sql: string, code?: ErrorCode): Promise<unknown[][]>
  /** Of what `sql` would give. Errors: likewise. */
  columns(sql: string): Promise<ResultColumn[]>
  /** Errors: likewise; also where `sql` is not one statement. */
  statementType(sql: string): Promise<StatementType>
  close(): void
}

export interface SessionOptions {
  scratch: Pick<Scratch, 'dir' | 'spill'>
  memoryMiB: number
  vcpus: number
  signal?: AbortSignal | undefined
  /** A file that outlives the session; absent: in memory. */
  database?: string
}

export async function openSession(options: SessionOptions): Promise<Session> {
  const { scratch, memoryMiB, vcpus, signal, database = ':memory:' } = options
  const instance = await DuckDBInstance.create(database, {
    threads: String(vcpus),
    memory_limit: `${memoryLimitMiB(memoryMiB)}MiB`,
    temp_directory: scratch.spill,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    preserve_insertion_order: 'true',
    // It tells files apart by name, size and second: one that is written anew is read as it was before.
    enable_external_file_cache: 'false',
  })
  const connection = await instance.connect()
  await connection.run(`SET allowed_directories = [${literal(`${scratch.dir}/`)}]`)
  await connection.run('SET enable_external_access = false')
  await connection.run("SET TimeZone = 'UTC'")
  await connection.run('SET lock_configuration = true')
  const interrupt = (): void => connection.interrupt()
  signal?.addEventListener('abort', interrupt)
  const guarded = <Result>(work: () => Promise<Result>, code: ErrorCode): Promise<Result> =>
    attempt(work, code, signal)
  return {
    run: (sql, code = 'WORK_FAILED') => guarded(async () => void (await connection.run(sql)), code),
    rows: (sql, code = 'WORK_FAILED') =>
      guarded(async () => (await connection.runAndReadAll(sql)).getRows(), code),
    columns: sql => guarded(() => columnsOf(connection, sql), 'WORK_FAILED'),
    statementType: sql => guarded(() => statementTypeOf(connection, sql), 'WORK_FAILED'),
    close: () => {
      signal?.removeEventListener('abort', interrupt)
      connection.closeSync()
      instance.closeSync()
    },
  }
}

async function columnsOf(connection: DuckDBConnection, sql: string): Promise<ResultColumn[]> {
  const result = await connection.prepare(sql)
  return Array.from({ length: result.columnCount }, (_, at) => ({
    title: result.columnName(at),
    type: resultType(result.columnType(at)),
  }))
}

async function statementTypeOf(connection: DuckDBConnection, sql: string): Promise<StatementType> {
  const statements = await connection.extractStatements(sql)
  if (statements.count !== 1) throw new Error(`it has ${statements.count} statements`)
  return (await statements.prepare(0)).statementType
}

export function memoryLimitMiB(memoryMiB: number): number {
  const left = Math.max(memoryMiB - besideDuckDbMiB, memoryMiB / 4)
  return Math.floor(Math.min(memoryMiB * memoryShare, left))
}

/** DuckDB's errors carry their kind as the message's first words. */
async function attempt<Result>(
  work: () => Promise<Result>,
  code: ErrorCode,
  signal: AbortSignal | undefined,
): Promise<Result> {
  stopIfAsked(signal)
  try {
    return await work()
  } catch (cause) {
    stopIfAsked(signal)
    const message = cause instanceof Error ? cause.message : String(cause)
    const kind = message.startsWith('Out of Memory Error') ? 'OUT_OF_MEMORY' : code
    throw new MillraceError(kind, message, { cause })
  }
}

function stopIfAsked(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new MillraceError('STOPPED', 'Asked to stop while working')
}
