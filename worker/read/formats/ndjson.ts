/** One JSON object a line: the whole of it, then the values of the fields that are asked for. */
import { restColumn, wholeObjectColumn } from '../../../shared/added-columns.ts'
import type { RecordFormat } from '../format.ts'
import { JsonFields } from '../json-fields.ts'
import { ownDialect } from '../own-dialect.ts'
import type { Spool } from '../spool.ts'
import { linesFormat } from './lines.ts'

const delimiter = ownDialect.delimiter.charCodeAt(0)
const comma = 44
const openBrace = 123
const closeBrace = 125

/** @param rescues spools the members that none of the names is of, as one more object */
export function ndjsonFormat(names: string[], rescues = false): RecordFormat {
  const fields = new JsonFields(names, rescues)
  return {
    ...linesFormat,
    spooled: [wholeObjectColumn, ...names, ...(rescues ? [restColumn] : [])],
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
      if (rescues) spoolRest(unit.window.bytes, fields, spool)
    },
  }
}

/** A value's own JSON text, as a field. */
export function spoolToken(bytes: Buffer, begin: number, end: number, hasCr: boolean, spool: Spool): void {
  if (hasCr) spool.quoted(bytes.toString('utf8', begin, end))
  else spool.copy(bytes, begin, end)
}

/** Keys and values as they stand; nothing where there are none. */
function spoolRest(bytes: Buffer, { rest, hasCr }: JsonFields, spool: Spool): void {
  spool.byte(delimiter)
  if (rest.length === 0) return
  if (hasCr) {
    const members = Array.from({ length: rest.length / 2 }, (_, at) =>
      bytes.toString('utf8', rest[2 * at], rest[2 * at + 1]),
    )
    spool.quoted(`{${members.join(',')}}`)
    return
  }
  for (let at = 0; at < rest.length; at += 2) {
    spool.byte(at === 0 ? openBrace : comma)
    spool.copy(bytes, rest[at] ?? 0, rest[at + 1] ?? 0)
  }
  spool.byte(closeBrace)
}
