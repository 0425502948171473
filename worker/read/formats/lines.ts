/** Every line is a record with the single field `line`, but for what a kind of log has beside its records. */
import { MillraceError } from '../../../shared/errors.ts'
import type { LinePreset } from '../../../shared/layout.ts'
import { lineColumn } from '../../../shared/line-patterns.ts'
import { besideFault, besideStarts, logFieldsRemedy } from '../../../shared/lines/beside.ts'
import type { RecordFormat } from '../format.ts'
import { LineScanner } from '../lines.ts'
import { ownDialect, spoolField } from '../own-dialect.ts'
import type { Unit } from '../units.ts'

export const linesFormat: RecordFormat = {
  dialect: ownDialect,
  spooled: [lineColumn.name],
  guesses: false,
  blankIsRecord: true,
  scanner: () => new LineScanner(),
  fault: ({ window, begin, line }) => window.textFault(begin, line.contentEnd),
  spool: ({ window: { bytes }, begin, line }, spool) => spoolField(bytes, begin, line.contentEnd, spool),
}

/** A pattern takes no blank line for a record. */
export const patternFormat: RecordFormat = { ...linesFormat, blankIsRecord: false }

/** Errors of reading: BAD_INPUT where the object says that its fields are others. */
export function presetFormat(preset: LinePreset): RecordFormat {
  const begins = besideStarts(preset).map(start => Buffer.from(start))
  if (begins.length === 0) return patternFormat
  return {
    ...patternFormat,
    skips: unit => begins.some(start => startsWith(unit, start)) && isBeside(unit, preset),
  }
}

function startsWith({ window: { bytes }, begin, line }: Unit, start: Buffer): boolean {
  const end = begin + start.length
  return end <= line.contentEnd && bytes.compare(start, 0, start.length, begin, end) === 0
}

function isBeside({ window: { bytes }, begin, line, offset }: Unit, preset: LinePreset): boolean {
  const fault = besideFault(bytes.toString('utf8', begin, line.contentEnd), preset)
  if (fault === undefined) return true
  throw new MillraceError('BAD_INPUT', `The line at byte ${offset} ${fault}`, {
    refusal: 'LOG_FIELDS_DIFFER',
    remedy: logFieldsRemedy(preset),
  })
}
