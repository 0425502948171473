/**
 * Fields at fixed places. Spaces around a value are padding; a field of nothing else is NULL.
 * A line may end within its last field, whose padding was cut off, and may be padded behind it.
 */
import { isAscii } from 'node:buffer'
import { sourceBytesOf } from '../../../shared/encoding.ts'
import { type FixedField, type FixedSource, fixedFields } from '../../../shared/fixed.ts'
import type { Encoding } from '../../../shared/layout.ts'
import type { RecordFormat } from '../format.ts'
import { LineScanner } from '../lines.ts'
import { ownDialect, spoolField } from '../own-dialect.ts'
import { RecordScanner } from '../record-scanner.ts'
import type { Spool } from '../spool.ts'
import type { Unit } from '../units.ts'

const space = 32
const delimiter = ownDialect.delimiter.charCodeAt(0)

export function fixedFormat(source: FixedSource, encoding: Encoding): RecordFormat {
  const fields = fixedFields(source)
  const { recordBytes } = source
  const shape: Shape = {
    recordBytes,
    shortest: Math.max(...fields.map(({ begin, end }) => (recordBytes === undefined ? begin + 1 : end))),
    longest: Math.max(...fields.map(({ end }) => end)),
  }
  return {
    dialect: ownDialect,
    spooled: fields.map(({ name }) => name),
    guesses: false,
    blankIsRecord: false,
    scanner: () => (recordBytes === undefined ? new LineScanner() : new RecordScanner(recordBytes, encoding)),
    fault: unit => unit.window.textFault(unit.begin, unit.line.contentEnd) ?? lengthFault(unit, shape),
    spool: (unit, spool) => spoolRecord(unit, fields, spool),
  }
}

interface Shape {
  recordBytes: number | undefined
  /** In characters. */
  shortest: number
  longest: number
}

function lengthFault(unit: Unit, { recordBytes, shortest, longest }: Shape): string | undefined {
  if (recordBytes !== undefined) {
    const { window, begin, line } = unit
    const bytes = sourceBytesOf(window.bytes, begin, line.contentEnd, window.encoding)
    if (bytes < recordBytes) return `The last record has ${bytes} bytes where records have ${recordBytes}.`
  }
  const text = charactersOf(unit)
  const { length } = text
  if (length < shortest) return `The record has ${length} characters where its fields need ${longest}.`
  if (recordBytes !== undefined || length <= longest || isPadding(text.slice(longest))) return undefined
  return `The record has ${length} characters where its fields end at ${longest}.`
}

/** Of ASCII, the text itself: a character each. */
function charactersOf({ window: { bytes }, begin, line }: Unit): string | string[] {
  const text = bytes.toString('utf8', begin, line.contentEnd)
  return text.length === line.contentEnd - begin ? text : Array.from(text)
}

function isPadding(rest: string | string[]): boolean {
  for (const character of rest) if (character !== ' ') return false
  return true
}

function spoolRecord(unit: Unit, fields: FixedField[], spool: Spool): void {
  const { window, begin, line } = unit
  const ascii = isAscii(window.bytes.subarray(begin, line.contentEnd))
  const characters = ascii ? [] : charactersOf(unit)
  fields.forEach((field, at) => {
    if (at > 0) spool.byte(delimiter)
    if (ascii)
      spoolAscii(window.bytes, begin + field.begin, Math.min(begin + field.end, line.contentEnd), spool)
    else spoolText(characters.slice(field.begin, field.end), spool)
  })
}

function spoolAscii(bytes: Buffer, from: number, to: number, spool: Spool): void {
  let begin = from
  let end = to
  while (begin < end && bytes[begin] === space) begin++
  while (end > begin && bytes[end - 1] === space) end--
  if (end > begin) spoolField(bytes, begin, end, spool)
}

function spoolText(characters: string | string[], spool: Spool): void {
  const text = (typeof characters === 'string' ? characters : characters.join('')).replace(/^ +| +$/g, '')
  if (text !== '') spool.quoted(text)
}
