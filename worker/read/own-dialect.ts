/** How fields are spooled that are not copied as they stand. */
import type { CsvDialect } from '../../shared/layout.ts'
import type { Spool } from './spool.ts'

/** Control characters, which neither JSON nor common text holds in the raw: nearly nothing needs quoting. */
export const ownDialect: CsvDialect = { delimiter: '\x1f', quote: '\x1e' }

/** What DuckDB would take for the end of a line or a field, or drop as a byte order mark. */
const special = new RegExp(`[\n\r\ufeff${ownDialect.delimiter}${ownDialect.quote}]`)

/** One field of UTF-8, in quotes where it needs them; the empty text is not NULL. */
export function spoolField(bytes: Buffer, begin: number, end: number, spool: Spool): void {
  if (end > begin && isPlain(bytes, begin, end)) spool.copy(bytes, begin, end)
  else spool.quoted(bytes.toString('utf8', begin, end))
}

/** The same for a text: as it is to stand in the spool. */
export function fieldText(value: string): string {
  if (value !== '' && !special.test(value)) return value
  const { quote } = ownDialect
  return quote + value.replaceAll(quote, quote + quote) + quote
}

function isPlain(bytes: Buffer, begin: number, end: number): boolean {
  for (let at = begin; at < end; at++) {
    const byte = bytes[at] ?? 0
    if ((byte < 0x20 && byte !== 9) || byte === 0xef) return !special.test(bytes.toString('utf8', begin, end))
  }
  return true
}
