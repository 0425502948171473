/** The user's SELECT over `input`, as files of the output's format. */
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { DuckDBTypeId, StatementType } from '@duckdb/node-api'
import { outputKeys } from '../../shared/documents.ts'
import { isError, MillraceError } from '../../shared/errors.ts'
import { sqlOf } from '../../shared/pipeline/work.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { countRecords, writtenDialect } from '../count.ts'
import { ownDialect } from '../read/own-dialect.ts'
import type { Scratch } from '../scratch.ts'
import { jsonLine } from './json-line.ts'
import type { Session } from './session.ts'
import { literal, name } from './text.ts'
import type { ResultColumn } from './type.ts'

type Output = Pipeline['output']

/** What is written for nothing: to see whether it can be. */
const trialFolder = 'trial'
const resultView = '__millrace_result'
const lineColumn = '__millrace_line'
/** Hive's word for NULL in a folder's name. */
const hiveNull = '__HIVE_DEFAULT_PARTITION__'

export interface WrittenFile {
  file: string
  /** `day=2024-01-31/`, or '' where the output is not partitioned. */
  folder: string
  records: number
}

/** The user's SELECT, checked, over whatever `input` is at the time. */
export interface OutputWriter {
  /** Files without rows are left out. Errors: WORK_FAILED with DuckDB's words, COUNT_MISMATCH. */
  write(): Promise<WrittenFile[]>
  /** All of the same work, and nothing left of it. Errors: likewise. */
  tryOut(): Promise<void>
}

/** Errors: WORK_FAILED where the SQL is none that can run. */
export async function outputWriter(
  session: Session,
  { work, output }: Pipeline,
  scratch: Scratch,
): Promise<OutputWriter> {
  const sql = sqlOf(work)
  await refuseOtherThanSelect(session, sql)
  // As a view, the user's SQL may end in a semicolon and comments: there is nothing behind it to be swallowed.
  const view = `CREATE OR REPLACE TEMP VIEW ${resultView} AS ${sql}`
  await session.run(view)
  const select = `SELECT ${selected(await session.columns(`FROM ${resultView}`), output)} FROM ${resultView}`
  const copy = async (folder: string): Promise<number> => {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder)
    await session.run(view)
    const [[copied] = []] = await session.rows(copyInto(folder, select, output))
    return Number(copied)
  }
  return {
    write: async () => {
      const copied = await copy(scratch.out)
      const files = await listFiles(session, scratch.out, output)
      const records = files.reduce((sum, file) => sum + file.records, 0)
      if (records !== copied) {
        throw new MillraceError('COUNT_MISMATCH', `DuckDB wrote ${copied} rows, the files hold ${records}`)
      }
      return files.filter(file => file.records > 0)
    },
    tryOut: async () => {
      const folder = join(scratch.dir, trialFolder)
      await copy(folder)
      await rm(folder, { recursive: true })
    },
  }
}

/** Likewise, at once. */
export async function writeOutput(
  session: Session,
  pipeline: Pipeline,
  scratch: Scratch,
): Promise<WrittenFile[]> {
  return (await outputWriter(session, pipeline, scratch)).write()
}

function copyInto(folder: string, select: string, output: Output): string {
  const extension = outputKeys.extension(output)
  const options = copyOptions(output)
  if (output.partitionBy.length === 0) {
    return `COPY (${select}) TO ${literal(join(folder, `all.${extension}`))} (${options.join(', ')})`
  }
  options.push(`PARTITION_BY (${output.partitionBy.map(name).join(', ')})`, 'OVERWRITE_OR_IGNORE')
  options.push(`FILE_EXTENSION ${literal(extension)}`)
  return `COPY (${select}) TO ${literal(folder)} (${options.join(', ')})`
}

/** Every option said. */
export function copyOptions({ format, compression, rowGroupRows }: Output): string[] {
  if (format === 'parquet') return ['FORMAT parquet', 'COMPRESSION zstd', `ROW_GROUP_SIZE ${rowGroupRows}`]
  const text = ['FORMAT csv', `COMPRESSION ${compression}`]
  // JSON has escaped whatever could end a line, so nothing is quoted.
  if (format === 'ndjson') {
    return [...text, 'HEADER false', `DELIMITER ${literal(ownDialect.delimiter)}`, "QUOTE ''", "ESCAPE ''"]
  }
  const quote = literal(writtenDialect.quote)
  const dialect = `DELIMITER ${literal(writtenDialect.delimiter)}, QUOTE ${quote}, ESCAPE ${quote}`
  // NULL is an empty field; DuckDB quotes an empty text because it reads the same.
  return [...text, 'HEADER true', dialect, "NULLSTR ''"]
}

/** What is copied: the result's columns, those of the folders among them or, of JSON, behind the line. */
function selected(columns: readonly ResultColumn[], { format, partitionBy }: Output): string {
  const folders = new Set(partitionBy.map(title => title.toLowerCase()))
  const isFolder = ({ title }: ResultColumn): boolean => folders.has(title.toLowerCase())
  if (format === 'ndjson') {
    const line = `${jsonLine(columns.filter(column => !isFolder(column)))} AS ${lineColumn}`
    return [line, ...columns.filter(isFolder).map(folderValue)].join(', ')
  }
  const exact = format === 'parquet' ? parquetValue : ({ title }: ResultColumn) => name(title)
  return columns.map(column => (isFolder(column) ? folderValue(column) : exact(column))).join(', ')
}

/** A text that reads like NULL's folder would share it, and one of the two would overwrite the other. */
function folderValue({ title, type }: ResultColumn): string {
  if (type.id !== DuckDBTypeId.VARCHAR && type.id !== DuckDBTypeId.ENUM) return name(title)
  const words = literal(`${title} holds the text ${hiveNull}, which names the folder of NULL`)
  return `CASE WHEN CAST(${name(title)} AS VARCHAR) = ${literal(hiveNull)} THEN error(${words}) ELSE ${name(title)} END AS ${name(title)}`
}

/** What quotes hold are names of fields, and values of an ENUM. */
const hugeOrQuoted = /"(?:[^"]|"")*"|'(?:[^']|'')*'|\bU?HUGEINT\b/g

/**
 * Parquet has no integers of 128 bits: as DOUBLE, which DuckDB would take, they lose digits in silence. Its intervals
 * have milliseconds, and DuckDB would cut what is finer.
 */
function parquetValue({ title, type }: ResultColumn): string {
  if (type.id === DuckDBTypeId.INTERVAL) {
    const words = literal(
      `${title} holds an INTERVAL finer than the milliseconds of Parquet; make it a text or a number`,
    )
    return `CASE WHEN date_part('microsecond', ${name(title)}) % 1000 <> 0 THEN error(${words}) ELSE ${name(title)} END AS ${name(title)}`
  }
  const said = type.words
  const exact = said.replace(hugeOrQuoted, each => (/^["']/.test(each) ? each : 'DECIMAL(38,0)'))
  return exact === said ? name(title) : `CAST(${name(title)} AS ${exact}) AS ${name(title)}`
}

/** All that the binding says of SQL that is empty, or comments only. */
const saidOfNothing = 'Error in native callback'

async function refuseOtherThanSelect(session: Session, sql: string): Promise<void> {
  let type: StatementType
  try {
    type = await session.statementType(sql)
  } catch (cause) {
    if (!isError(cause, 'WORK_FAILED')) throw cause
    const message = cause.message === saidOfNothing ? 'it has no statement' : cause.message
    throw new MillraceError('WORK_FAILED', `The SQL does not run: ${message}`, { cause })
  }
  if (type === StatementType.SELECT) return
  throw new MillraceError('WORK_FAILED', 'The SQL is no SELECT', { remedy: 'Write one SELECT over `input`.' })
}

async function listFiles(session: Session, out: string, output: Output): Promise<WrittenFile[]> {
  const entries = await readdir(out, { recursive: true, withFileTypes: true })
  const files: WrittenFile[] = []
  for (const entry of entries.filter(each => each.isFile())) {
    const file = join(entry.parentPath, entry.name)
    const folder = relative(out, entry.parentPath)
    const records = await recordsIn(session, file, output)
    files.push({ file, folder: folder === '' ? '' : `${folder}/`, records })
  }
  return files.toSorted((a, b) => (a.file < b.file ? -1 : 1))
}

/** Not by what the COPY said of itself: by the file's footer, or by our own reader. */
export async function recordsIn(
  session: Pick<Session, 'rows'>,
  file: string,
  output: Output,
): Promise<number> {
  if (output.format !== 'parquet') return countRecords(createReadStream(file), output)
  const sql = `SELECT num_rows FROM parquet_file_metadata(${literal(file)})`
  const [[records] = []] = await session.rows(sql)
  return Number(records)
}
