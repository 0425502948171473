/** Every line is a record with the single field `line`. */
import type { RecordFormat } from '../format.ts'
import { LineScanner } from '../lines.ts'
import { ownDialect, spoolField } from '../own-dialect.ts'

export const linesFormat: RecordFormat = {
  dialect: ownDialect,
  spooled: ['line'],
  guesses: false,
  blankIsRecord: true,
  scanner: () => new LineScanner(),
  fault: ({ window, begin, line }) => window.textFault(begin, line.contentEnd),
  spool: ({ window: { bytes }, begin, line }, spool) => spoolField(bytes, begin, line.contentEnd, spool),
}
