/** What is read of a partition as a command is given it: columns of sound values, or the records as they stand. */
import { join } from 'node:path'
import { isJson, wholeObjectColumn } from '../../shared/added-columns.ts'
import { CsvScanner } from '../../shared/csv-scan.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { CommandWork } from '../../shared/pipeline/work.ts'
import type { Attempt } from '../attempt.ts'
import { writtenDialect } from '../count.ts'
import { jsonLine, jsonText } from '../duckdb/json-line.ts'
import { Table } from '../duckdb/load.ts'
import type { Session } from '../duckdb/session.ts'
import { literal, name } from '../duckdb/text.ts'
import type { ResultColumn } from '../duckdb/type.ts'
import { rejectMisfits } from '../duckdb/working.ts'
import { copyOptions } from '../duckdb/write.ts'
import { LineScanner } from '../read/lines.ts'
import type { Rejects } from '../read/rejects.ts'
import type { Spool } from '../read/spool.ts'
import type { PartitionSource } from '../read/walk.ts'
import { GivenRecords } from './records.ts'

export interface Given {
  records: GivenRecords
  /** Of the spooled records, those that are not given: their values do not fit. Ascending. */
  misfits: number[]
}

/** Where the command's files are made. */
export interface Reading {
  attempt: Attempt
  source: PartitionSource
  spool: Spool
  rejects: Rejects
}

/** `undefined` where more is rejected than tolerated. Errors: those of loading. */
export async function givenTo(work: CommandWork, reading: Reading): Promise<Given | undefined> {
  const { attempt, source, spool } = reading
  const { rejectedRecords } = attempt.run.pipeline.tolerate
  if (work.input === 'raw') {
    if (spool.records === 0 || reading.rejects.count > rejectedRecords) return undefined
    const scanner = () => source.format.scanner()
    return {
      records: new GivenRecords(spool.file, spool.records, rawHeader(work, source), scanner),
      misfits: [],
    }
  }
  const session = await attempt.openSession({ scratch: attempt.scratch, signal: attempt.signal })
  try {
    return await loaded(work, reading, session)
  } finally {
    session.close()
  }
}

async function loaded(work: CommandWork, reading: Reading, session: Session): Promise<Given | undefined> {
  const { attempt, source, spool, rejects } = reading
  const table = new Table(session, spool, source.format, attempt.run)
  const count = await table.load()
  const misfits = count === 0 ? [] : await rejectMisfits(source, table, spool, rejects, count)
  if (rejects.count > attempt.run.pipeline.tolerate.rejectedRecords) return undefined
  const columns = await session.columns('FROM input')
  const file = join(attempt.scratch.dir, `given.${work.input}`)
  const csv = work.input === 'csv'
  const selected = csv ? '*' : `${lineOf(columns, attempt)} AS line`
  const options = copyOptions({
    ...attempt.run.pipeline.output,
    format: csv ? 'csv' : 'ndjson',
    compression: 'none',
  })
  const bare = options.map(option => (option === 'HEADER true' ? 'HEADER false' : option)).join(', ')
  const [[copied] = []] = await session.rows(
    `COPY (SELECT ${selected} FROM input) TO ${literal(file)} (${bare})`,
  )
  const sound = spool.records - misfits.length
  if (Number(copied) !== sound) {
    throw new MillraceError('COUNT_MISMATCH', `DuckDB wrote ${copied} records where ${sound} fit`)
  }
  const header = csv
    ? csvLine(
        columns.map(({ title }) => title),
        writtenDialect,
      )
    : Buffer.alloc(0)
  const scanner = () => (csv ? new CsvScanner(writtenDialect) : new LineScanner())
  return { records: new GivenRecords(file, sound, header, scanner), misfits }
}

/** A JSON object is not given within another where it is all there is. */
function lineOf(columns: readonly ResultColumn[], { run }: Attempt): string {
  const [first] = columns
  const whole = ({ title }: ResultColumn): boolean =>
    isJson(run.pipeline.source) && title === wholeObjectColumn
  if (columns.length === 1 && first && whole(first)) return jsonText(name(first.title), first.type)
  return jsonLine(run.columns.length === 0 ? columns : columns.filter(column => !whole(column)))
}

/** The file's own, in its own dialect, as its first partition has it. */
function rawHeader({ header }: CommandWork, { run, format }: PartitionSource): Buffer {
  const { csv, fields } = run.layout
  return header && csv ? csvLine(fields ?? format.spooled, csv) : Buffer.alloc(0)
}

function csvLine(
  titles: readonly string[],
  { delimiter, quote }: { delimiter: string; quote: string },
): Buffer {
  const fields = titles.map(title => {
    const isPlain = ![delimiter, quote || '"', '\n', '\r'].some(special => title.includes(special))
    return isPlain || quote === '' ? title : `${quote}${title.replaceAll(quote, quote + quote)}${quote}`
  })
  return Buffer.from(`${fields.join(delimiter)}\n`)
}
