/** One JSON object a line: the whole of it, then the values of the fields that are asked for. */
import type { RecordFormat } from '../format.ts'
import { JsonFields } from '../json-fields.ts'
import { ownDialect } from '../own-dialect.ts'
import type { Spool } from '../spool.ts'
import { linesFormat } from './lines.ts'

export const wholeObjectColumn = '_json'

export function ndjsonFormat(names: string[]): RecordFormat {
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
