/**
 * Fields at fixed places. Spaces around a value are padding; a field of nothing else is NULL.
 * A line may end within its last field, whose padding was cut off, and may be padded behind it.
 */
import { sourceBytesOf } from '../../../shared/encoding.ts'
import { type FixedField, type FixedSource, fixedFields } from '../../../shared/fixed.ts'
import type { Encoding } from '../../../shared/layout.ts'
import type { RecordFormat } from '../format.ts'
import { LineScanner } from '../lines.ts'
import { fieldText, ownDialect } from '../own-dialect.ts'
import { RecordScanner } from '../record-scanner.ts'
import type { Spool } from '../spool.ts'
import type { Unit } from '../units.ts'

export function fixedFormat(source: FixedSource, encoding: Encoding): RecordFormat {
  const fields = fixedFields(source)
  const { recordBytes } = source
  /** Of the record that `fault` was asked about last. */
  let characters: Characters = ''
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
    fault: unit => {
      const fault = unit.window.textFault(unit.begin, unit.line.contentEnd)
      if (fault !== undefined) return fault
      characters = charactersOf(unit)
      return lengthFault(unit, characters, shape)
    },
    spool: (_unit, spool) => spoolRecord(characters, fields, spool),
  }
}

interface Shape {
  recordBytes: number | undefined
  /** In characters. */
  shortest: number
  longest: number
}

function lengthFault(unit: Unit, text: Characters, shape: Shape): string | undefined {
  const { recordBytes, shortest, longest } = shape
  if (recordBytes !== undefined) {
    const { window, begin, line } = unit
    const bytes = sourceBytesOf(window.bytes, begin, line.contentEnd, window.encoding)
    if (bytes < recordBytes) return `The last record has ${bytes} bytes where records have ${recordBytes}.`
  }
  const { length } = text
  if (length < shortest) return `The record has ${length} characters where its fields need ${longest}.`
  if (recordBytes !== undefined || length <= longest || isPadding(text.slice(longest))) return undefined
  return `The record has ${length} characters where its fields end at ${longest}.`
}

/** Of ASCII the text itself; else each for itself, because some are two units of the text. */
type Characters = string | string[]

function charactersOf({ window: { bytes }, begin, line }: Unit): Characters {
  const text = bytes.toString('utf8', begin, line.contentEnd)
  return text.length === line.contentEnd - begin ? text : Array.from(text)
}

function isPadding(rest: Characters): boolean {
  for (const character of rest) if (character !== ' ') return false
  return true
}

function spoolRecord(characters: Characters, fields: readonly FixedField[], spool: Spool): void {
  const bytes = Buffer.from(fields.map(field => fieldOf(characters, field)).join(ownDialect.delimiter))
  spool.copy(bytes, 0, bytes.length)
}

/** As it is to stand in the spool. */
function fieldOf(characters: Characters, { begin, end }: FixedField): string {
  const padded = characters.slice(begin, end)
  const value = withoutPadding(typeof padded === 'string' ? padded : padded.join(''))
  return value === '' ? '' : fieldText(value)
}

function withoutPadding(text: string): string {
  let begin = 0
  let end = text.length
  while (begin < end && text[begin] === ' ') begin++
  while (end > begin && text[end - 1] === ' ') end--
  return text.slice(begin, end)
}
