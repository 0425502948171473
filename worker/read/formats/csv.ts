/** CSV: records that are sound are spooled as they stand. */
import { CsvFault, CsvScanner, csvFaultWords, csvFields } from '../../../shared/csv-scan.ts'
import { MillraceError } from '../../../shared/errors.ts'
import type { CsvDialect } from '../../../shared/layout.ts'
import type { RecordFormat } from '../format.ts'
import { guessPlace } from '../guess.ts'
import type { Spool } from '../spool.ts'
import type { Unit } from '../units.ts'

/** Errors: PIPELINE_INVALID for a dialect that cannot be told apart. */
export function csvFormat(dialect: CsvDialect, fields: string[]): RecordFormat {
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
  return window.textFault(begin, line.contentEnd)
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
