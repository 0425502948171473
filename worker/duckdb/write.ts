/** The user's SELECT over `input`, as Parquet. */
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { StatementType } from '@duckdb/node-api'
import { MillraceError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import type { Scratch } from '../scratch.ts'
import type { Session } from './session.ts'
import { literal, name } from './text.ts'

/** DuckDB's own default, said: readers skip and parallelise by row group. */
const rowGroupRows = 122_880
const resultView = '__millrace_result'

export interface WrittenFile {
  file: string
  /** `day=2024-01-31/`, or '' where the output is not partitioned. */
  folder: string
  records: number
}

/** Files without rows are left out. Errors: WORK_FAILED with DuckDB's words, COUNT_MISMATCH. */
export async function writeParquet(
  session: Session,
  pipeline: Pipeline,
  scratch: Scratch,
): Promise<WrittenFile[]> {
  const { sql } = pipeline.work
  await refuseOtherThanSelect(session, sql)
  await session.run('SET lock_configuration = true')
  const { partitionBy } = pipeline.output
  const target = partitionBy.length === 0 ? join(scratch.out, 'all.parquet') : scratch.out
  const options = ['FORMAT parquet', 'COMPRESSION zstd', `ROW_GROUP_SIZE ${rowGroupRows}`]
  if (partitionBy.length > 0)
    options.push(`PARTITION_BY (${partitionBy.map(name).join(', ')}), OVERWRITE_OR_IGNORE`)
  // As a view, the user's SQL may end in a semicolon and comments: there is nothing behind it to be swallowed.
  await session.run(`CREATE TEMP VIEW ${resultView} AS ${sql}`)
  const copy = `COPY (FROM ${resultView}) TO ${literal(target)} (${options.join(', ')})`
  const [[copied] = []] = await session.rows(copy)
  const files = await listFiles(session, scratch.out)
  const records = files.reduce((sum, file) => sum + file.records, 0)
  if (records !== Number(copied)) {
    throw new MillraceError(
      'COUNT_MISMATCH',
      `DuckDB wrote ${copied} rows, the files' footers say ${records}`,
    )
  }
  return files.filter(file => file.records > 0)
}

/** All that the binding says of SQL that is empty, or comments only. */
const saidOfNothing = 'Error in native callback'

async function refuseOtherThanSelect(session: Session, sql: string): Promise<void> {
  let type: StatementType
  try {
    const statements = await session.connection.extractStatements(sql)
    if (statements.count !== 1) throw new Error(`it has ${statements.count} statements`)
    type = (await statements.prepare(0)).statementType
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    const message = said === saidOfNothing ? 'it has no statement' : said
    throw new MillraceError('WORK_FAILED', `The SQL does not run: ${message}`, { cause })
  }
  if (type === StatementType.SELECT) return
  throw new MillraceError('WORK_FAILED', 'The SQL is no SELECT', { remedy: 'Write one SELECT over `input`.' })
}

async function listFiles(session: Session, out: string): Promise<WrittenFile[]> {
  const entries = await readdir(out, { recursive: true, withFileTypes: true })
  const files: WrittenFile[] = []
  for (const entry of entries.filter(each => each.isFile())) {
    const file = join(entry.parentPath, entry.name)
    const [[records] = []] = await session.rows(
      `SELECT num_rows FROM parquet_file_metadata(${literal(file)})`,
    )
    const folder = relative(out, entry.parentPath)
    files.push({ file, folder: folder === '' ? '' : `${folder}/`, records: Number(records) })
  }
  return files.toSorted((a, b) => (a.file < b.file ? -1 : 1))
}
