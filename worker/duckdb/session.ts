/** One DuckDB in memory, shut in: it reads and writes our scratch folder and nothing else. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { type ErrorCode, MillraceError } from '../../shared/errors.ts'
import type { Scratch } from '../scratch.ts'
import { literal } from './text.ts'

/** Of the container's memory; the rest is Node, the read window and what DuckDB does not count. */
const memoryShare = 0.6

export interface Session {
  /** Errors: `code` (default WORK_FAILED), OUT_OF_MEMORY, STOPPED; DuckDB's own words in the message. */
  run(sql: string, code?: ErrorCode): Promise<void>
  rows(sql: string, code?: ErrorCode): Promise<unknown[][]>
  connection: DuckDBConnection
  close(): void
}

export interface SessionOptions {
  scratch: Scratch
  memoryMiB: number
  vcpus: number
  signal?: AbortSignal | undefined
}

export async function openSession({ scratch, memoryMiB, vcpus, signal }: SessionOptions): Promise<Session> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(vcpus),
    memory_limit: `${Math.floor(memoryMiB * memoryShare)}MiB`,
    temp_directory: scratch.spill,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    preserve_insertion_order: 'true',
  })
  const connection = await instance.connect()
  await connection.run(`SET allowed_directories = [${literal(`${scratch.dir}/`)}]`)
  await connection.run('SET enable_external_access = false')
  await connection.run("SET TimeZone = 'UTC'")
  const interrupt = (): void => connection.interrupt()
  signal?.addEventListener('abort', interrupt)
  const guarded = <Result>(work: () => Promise<Result>, code: ErrorCode): Promise<Result> =>
    attempt(work, code, signal)
  return {
    connection,
    run: (sql, code = 'WORK_FAILED') => guarded(async () => void (await connection.run(sql)), code),
    rows: (sql, code = 'WORK_FAILED') =>
      guarded(async () => (await connection.runAndReadAll(sql)).getRows(), code),
    close: () => {
      signal?.removeEventListener('abort', interrupt)
      connection.closeSync()
      instance.closeSync()
    },
  }
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
