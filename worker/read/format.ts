/** What differs from format to format: where records end, which are broken, how they are handed to DuckDB. */
import { rescuedColumn, wholeObjectColumn } from '../../shared/added-columns.ts'
import type { RunDocument } from '../../shared/documents.ts'
import type { CsvDialect } from '../../shared/layout.ts'
import { avroFormat } from './formats/avro.ts'
import { csvFormat } from './formats/csv.ts'
import { fixedFormat } from './formats/fixed.ts'
import { linesFormat, patternFormat, presetFormat } from './formats/lines.ts'
import { ndjsonFormat } from './formats/ndjson.ts'
import type { Scanner } from './lines.ts'
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
  /** Lines that are no records though they are not blank. */
  skips?(unit: Unit): boolean
  scanner(sample?: Buffer): Scanner
  /** Why a line that is not blank is no sound record. */
  fault(unit: Unit): string | undefined
  /** Called right after `fault` said nothing. */
  spool(unit: Unit, spool: Spool): void
}

/** Errors: PIPELINE_INVALID for a CSV dialect that cannot be told apart, BAD_INPUT. */
export function formatOf(run: RunDocument): RecordFormat {
  const { layout, columns, pipeline } = run
  const { source } = pipeline
  if (layout.format === 'avro') return avroFormat(run)
  if (layout.csv) {
    const pads = source.format === 'csv' && source.ragged === 'pad'
    const keepsSurplus = pads && rescuedColumn(source) !== undefined
    return csvFormat(layout.csv, layout.fields ?? columns.map(({ name }) => name), { pads, keepsSurplus })
  }
  if (source.format === 'fixed') return fixedFormat(source, layout.encoding)
  if (source.format === 'lines') {
    if (source.preset !== undefined) return presetFormat(source.preset)
    return source.pattern === undefined ? linesFormat : patternFormat
  }
  const names = columns.map(({ name }) => name).filter(name => name !== wholeObjectColumn)
  return ndjsonFormat(names, rescuedColumn(source) !== undefined)
}
