/** CSV: sound records are spooled as they stand, if DuckDB knows their dialect, and else field by field. */
import { surplusColumn } from '../../../shared/added-columns.ts'
import { escapeOf, isClear } from '../../../shared/csv-dialect.ts'
import { CsvFault, csvFaultWords } from '../../../shared/csv-fault.ts'
import { csvFields, type Fields, type Seen } from '../../../shared/csv-fields.ts'
import { CsvScanner } from '../../../shared/csv-scan.ts'
import { MillraceError } from '../../../shared/errors.ts'
import type { CsvDialect } from '../../../shared/layout.ts'
import type { RecordFormat } from '../format.ts'
import { guessPlace } from '../guess.ts'
import { ownDialect } from '../own-dialect.ts'
import type { Spool } from '../spool.ts'
import type { Unit } from '../units.ts'

/** What becomes of records that have not a field for each column. */
export interface Ragged {
  /** The fields that lack at the end are NULL. */
  pads: boolean
  /** Fields too many go to `surplusColumn`, NULL where there are none. */
  keepsSurplus: boolean
}

interface Shape extends Ragged {
  dialect: CsvDialect
  columns: number
  /** Of the spool. */
  spooled: CsvDialect
}

/** Errors: PIPELINE_INVALID for a dialect that cannot be told apart. */
export function csvFormat(dialect: CsvDialect, names: string[], ragged: Ragged): RecordFormat {
  refuseUnclear(dialect)
  const columns = names.length
  const { delimiter, quote } = dialect
  const plain = isPlain(dialect)
  /** Of the record that `fault` was asked about last. */
  let fields: Fields = []
  const shape: Shape = { ...ragged, dialect, columns, spooled: plain ? { delimiter, quote } : ownDialect }
  return {
    dialect: shape.spooled,
    spooled: ragged.keepsSurplus ? [...names, surplusColumn] : names,
    guesses: quote !== '' || escapeOf(dialect) !== '',
    blankIsRecord: false,
    ...(dialect.comment ? { skips: ({ line }: Unit) => line.comment === true } : {}),
    scanner: sample =>
      new CsvScanner(dialect, sample === undefined ? undefined : guessPlace(sample, dialect, columns)),
    fault: unit => {
      const fault = csvFault(unit, shape)
      if (fault !== undefined || plain) return fault
      const seen = { strayEscape: false }
      fields = fieldsOf(unit, dialect, seen)
      return seen.strayEscape ? csvFaultWords(CsvFault.strayEscape, columns, columns) : undefined
    },
    spool: (unit, spool) => (plain ? spoolPlain(unit, spool, shape) : spoolFields(fields, spool, shape)),
  }
}

function refuseUnclear(dialect: CsvDialect): void {
  if (dialect.delimiter !== '' && isClear(dialect)) return
  throw new MillraceError(
    'PIPELINE_INVALID',
    'delimiter, quote, escape and comment must differ, and be no line breaks',
  )
}

/** DuckDB reads it as it stands. Comments never reach it; a NUL cannot be said in SQL. */
function isPlain(dialect: CsvDialect): boolean {
  const { delimiter, quote } = dialect
  const sayable = delimiter !== '\0' && quote !== '\0'
  return Buffer.byteLength(delimiter) === 1 && quote !== '' && escapeOf(dialect) === '' && sayable
}

function csvFault({ window, begin, line }: Unit, { columns, pads, keepsSurplus }: Shape): string | undefined {
  const { fault, fields } = line
  if (fault !== CsvFault.none) return csvFaultWords(fault, fields, columns)
  const ragged = fields < columns ? !pads : fields > columns && !keepsSurplus
  if (ragged) return csvFaultWords(CsvFault.fieldCount, fields, columns)
  return window.textFault(begin, line.contentEnd)
}

function fieldsOf({ window: { bytes }, begin, line }: Unit, dialect: CsvDialect, seen?: Seen): Fields {
  return csvFields(bytes.subarray(begin, line.contentEnd), dialect, seen)
}

/** DuckDB ends lines at a lone CR, and drops a byte order mark at the start: inside quotes they are data. */
function spoolPlain(unit: Unit, spool: Spool, shape: Shape): void {
  const { window, begin, line } = unit
  const { columns, keepsSurplus, dialect } = shape
  const misread = line.loneCr || (spool.bytes === 0 && window.bytes[begin] === 0xef)
  if (misread || line.fields > columns) {
    spoolFields(fieldsOf(unit, dialect), spool, shape)
    return
  }
  spool.copy(window.bytes, begin, line.contentEnd)
  const spooled = columns + (keepsSurplus ? 1 : 0)
  for (let at = line.fields; at < spooled; at++) spool.byte(dialect.delimiter.charCodeAt(0))
}

/** Each field in quotes, so that nothing in it can be misread. */
function spoolFields(fields: Fields, spool: Spool, { columns, keepsSurplus, spooled }: Shape): void {
  const { delimiter, quote } = spooled
  const quoted = (field: string | undefined): string =>
    field === undefined ? '' : quote + field.replaceAll(quote, quote + quote) + quote
  let text = quoted(fields[0])
  for (let at = 1; at < columns; at++) text += delimiter + quoted(fields[at])
  if (keepsSurplus) text += delimiter + quoted(surplusOf(fields, columns))
  const bytes = Buffer.from(text)
  spool.copy(bytes, 0, bytes.length)
}

function surplusOf(fields: Fields, columns: number): string | undefined {
  if (fields.length <= columns) return undefined
  return JSON.stringify(fields.slice(columns).map(field => field ?? null))
}
