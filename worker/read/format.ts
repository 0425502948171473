/** What differs from format to format: where records end, which are broken, how they are handed to DuckDB. */
import { CsvFault, CsvScanner, csvFaultWords, csvFields } from '../../shared/csv-scan.ts'
import type { RunDocument } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { CsvDialect } from '../../shared/layout.ts'
import { guessPlace } from './guess.ts'
import { JsonFields } from './json-fields.ts'
import { LineScanner, type Scanner } from './lines.ts'
import type { Spool } from './spool.ts'
import type { Unit } from './units.ts'

export interface RecordFormat {
  /** Of the spool. */
  dialect: CsvDialect
  /** Names of the spool's columns, all VARCHAR: the fields as the file names them, then what is ours. */
  spooled: string[]
  guesses: boolean
  /** Blank lines are bytes of the range and no records, but for `lines`, where each is an empty record. */
  blankIsRecord: boolean
  scanner(sample?: Buffer): Scanner
  /** Why a line that is not blank is no sound record. */
  fault(unit: Unit): string | undefined
  /** Called right after `fault` said nothing. */
  spool(unit: Unit, spool: Spool): void
}

/** Control characters, which neither JSON nor common text holds in the raw: nearly nothing needs quoting. */
export const ownDialect: CsvDialect = { delimiter: '\x1f', quote: '\x1e' }
export const notText = 'The record is not valid UTF-8.'
export const wholeObjectColumn = '_json'

/** Errors: PIPELINE_INVALID for a CSV dialect that cannot be told apart. */
export function formatOf({ layout, columns }: RunDocument): RecordFormat {
  if (layout.csv) return csvFormat(layout.csv, layout.fields ?? columns.map(({ name }) => name))
  if (layout.format === 'lines') return linesFormat
  return ndjsonFormat(columns.map(({ name }) => name).filter(name => name !== wholeObjectColumn))
}

function csvFormat(dialect: CsvDialect, fields: string[]): RecordFormat {
  const columns = fields.length
  const { delimiter, quote } = dialect
  if (delimiter === quote || /[\r\n]/.test(delimiter + quote)) {
    throw new MillraceError('PIPELINE_INVALID', 'delimiter and quote must differ, and be no line breaks')
  }
  return {
    dialect: { delimiter, quote },
    spooled: fields,
    guesses: true,
    blankIsRecord: false,
    scanner: sample =>
      new CsvScanner(dialect, sample === undefined ? undefined : guessPlace(sample, dialect, columns)),
    fault: unit => csvFault(unit, columns),
    spool: (unit, spool) => spoolCsv(unit, spool, dialect),
  }
}

function csvFault({ window, begin, line }: Unit, columns: number): string | undefined {
  const fault = line.fault === CsvFault.none && line.fields !== columns ? CsvFault.fieldCount : line.fault
  if (fault !== CsvFault.none) return csvFaultWords(fault, line.fields, columns)
  return window.isText(begin, line.contentEnd) ? undefined : notText
}

/** DuckDB ends lines at a lone CR, and drops a byte order mark at the start: inside quotes they are data. */
function spoolCsv({ window: { bytes }, begin, line }: Unit, spool: Spool, dialect: CsvDialect): void {
  if (!line.loneCr && !(spool.bytes === 0 && bytes[begin] === 0xef)) {
    spool.copy(bytes, begin, line.contentEnd)
    return
  }
  csvFields(bytes.subarray(begin, line.contentEnd), dialect).forEach((field, at) => {
    if (at > 0) spool.byte(dialect.delimiter.charCodeAt(0))
    if (field !== undefined) spool.quoted(field)
  })
}

/** What DuckDB would take for the end of a line or a field, or drop as a byte order mark. */
const specials = ['\r', '\ufeff', ownDialect.delimiter, ownDialect.quote]

const linesFormat: RecordFormat = {
  dialect: ownDialect,
  spooled: ['line'],
  guesses: false,
  blankIsRecord: true,
  scanner: () => new LineScanner(),
  fault: ({ window, begin, line }) => (window.isText(begin, line.contentEnd) ? undefined : notText),
  spool: ({ window: { bytes }, begin, line: { contentEnd } }, spool) => {
    const plain = contentEnd > begin && isPlain(bytes, begin, contentEnd)
    if (plain) spool.copy(bytes, begin, contentEnd)
    else spool.quoted(bytes.toString('utf8', begin, contentEnd))
  },
}

function isPlain(bytes: Buffer, begin: number, end: number): boolean {
  for (let at = begin; at < end; at++) {
    const byte = bytes[at] ?? 0
    if ((byte < 0x20 && byte !== 9) || byte === 0xef) return !hasSpecial(bytes.toString('utf8', begin, end))
  }
  return true
}

function hasSpecial(text: string): boolean {
  return specials.some(one => text.includes(one))
}

function ndjsonFormat(names: string[]): RecordFormat {
  const fields = new JsonFields(names)
  const delimiter = ownDialect.delimiter.charCodeAt(0)
  return {
    ...linesFormat,
    spooled: [wholeObjectColumn, ...names],
    blankIsRecord: false,
    fault: unit =>
      linesFormat.fault(unit) ?? fields.read(unit.window.bytes, unit.begin, unit.line.contentEnd),
    spool: (unit, spool) => {
      linesFormat.spool(unit, spool)
      for (let at = 0; at < names.length; at++) {
        spool.byte(delimiter)
        const begin = fields.begins[at] ?? -1
        if (begin !== -1) spoolToken(unit.window.bytes, begin, fields.ends[at] ?? -1, fields.hasCr, spool)
      }
    },
  }
}

function spoolToken(bytes: Buffer, begin: number, end: number, hasCr: boolean, spool: Spool): void {
  if (hasCr) spool.quoted(bytes.toString('utf8', begin, end))
  else spool.copy(bytes, begin, end)
}
