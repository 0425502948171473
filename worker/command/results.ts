/** What a command wrote to stdout, one JSON object a line, as rows of the columns that the pipeline names. */
import type { Column, RunDocument } from '../../shared/documents.ts'
import { isError, MillraceError } from '../../shared/errors.ts'
import type { CommandWork } from '../../shared/pipeline/work.ts'
import type { Attempt } from '../attempt.ts'
import { Table } from '../duckdb/load.ts'
import { name } from '../duckdb/text.ts'
import type { WrittenFile } from '../duckdb/write.ts'
import type { RecordFormat } from '../read/format.ts'
import { linesFormat } from '../read/formats/lines.ts'
import { spoolToken } from '../read/formats/ndjson.ts'
import { JsonFields } from '../read/json-fields.ts'
import { LineScanner } from '../read/lines.ts'
import { ownDialect } from '../read/own-dialect.ts'
import { Spool } from '../read/spool.ts'
import { readUnits } from '../read/units.ts'
import { isNoRecord, recordBytesMax } from '../read/walk.ts'
import { fileStretch } from './stretch.ts'

const shownCharactersMax = 200

/**
 * @param spoolFile takes what is on its way
 * Errors: WORK_FAILED with the number of the first line, or result, that does not fit; nothing is dropped.
 */
export async function writeResults(
  attempt: Attempt,
  work: CommandWork,
  file: string,
  spoolFile: string,
): Promise<WrittenFile[]> {
  const columns = Object.entries(work.columns).map(([title, type]) => ({ name: title, type }))
  const spool = new Spool(spoolFile, ownDialect)
  try {
    const format = resultFormat(columns.map(({ name: title }) => title))
    await spoolResults(file, format, spool)
    return spool.records === 0 ? [] : await written(attempt, columns, format, spool)
  } finally {
    spool.close()
  }
}

function resultFormat(names: string[]): RecordFormat {
  const fields = new JsonFields(names, true)
  return {
    ...linesFormat,
    spooled: names,
    blankIsRecord: false,
    fault: unit =>
      linesFormat.fault(unit) ??
      fields.read(unit.window.bytes, unit.begin, unit.line.contentEnd) ??
      unnamed(unit.window.bytes, fields),
    spool: ({ window }, spool) => {
      for (let at = 0; at < names.length; at++) {
        if (at > 0) spool.byte(ownDialect.delimiter.charCodeAt(0))
        const begin = fields.begins[at] ?? -1
        if (begin !== -1) spoolToken(window.bytes, begin, fields.ends[at] ?? -1, fields.hasCr, spool)
      }
    },
  }
}

function unnamed(bytes: Buffer, { rest }: JsonFields): string | undefined {
  if (rest.length === 0) return undefined
  const member = bytes.toString('utf8', rest[0], rest[1]).slice(0, shownCharactersMax)
  return `It has ${member}, which work.columns does not name.`
}

async function spoolResults(file: string, format: RecordFormat, spool: Spool): Promise<void> {
  let lines = 0
  const request = {
    stretch: fileStretch(file),
    encoding: 'utf-8' as const,
    scanner: () => new LineScanner(),
    guesses: false,
    recordBytesMax,
  }
  try {
    await readUnits(request, unit => {
      lines++
      if (isNoRecord(unit, format)) return true
      const fault = format.fault(unit)
      if (fault !== undefined) throw misfit(`Line ${lines}`, fault)
      spool.begin(unit.offset, lines)
      format.spool(unit, spool)
      spool.end()
      return true
    })
  } catch (error) {
    throw isError(error, 'BAD_INPUT') ? misfit('The results', error.message) : error
  }
  spool.flush()
}

async function written(
  attempt: Attempt,
  columns: Column[],
  format: RecordFormat,
  spool: Spool,
): Promise<WrittenFile[]> {
  const { run, scratch, signal } = attempt
  const { pipeline } = run
  const session = await attempt.openSession({ scratch, signal })
  try {
    const source: RunDocument['pipeline']['source'] = { ...ndjson, ...ofAny(pipeline.source) }
    const table = new Table(session, spool, format, {
      source: run.source,
      pipeline: { ...pipeline, source },
      columns,
    })
    if ((await table.load()) > 0) {
      const [first] = await table.misfits(1)
      const where = first?.column === undefined ? '' : `, in ${first.column}`
      throw misfit(`Result ${(first?.ordinal ?? 0) + 1}${where}`, first?.reason ?? '')
    }
    const { writeOutput } = await import('../duckdb/write.ts')
    const sql = `SELECT ${columns.map(({ name: title }) => name(title)).join(', ')} FROM input`
    return await writeOutput(session, { ...pipeline, work: { sql } }, scratch)
  } finally {
    session.close()
  }
}

/** A source of the very kind that results are. */
const ndjson = { format: 'ndjson', drift: 'ignore', metadata: false } as const

function ofAny({ prefix, skipIdentical, decompressed }: RunDocument['pipeline']['source']) {
  return { prefix, skipIdentical, decompressed }
}

function misfit(where: string, fault: string): MillraceError {
  return new MillraceError('WORK_FAILED', `${where} of what the command wrote does not fit: ${fault}`, {
    remedy: 'Correct the command or work.columns; it writes one JSON object a line, and words to stderr.',
  })
}
