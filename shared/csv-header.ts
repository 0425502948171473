/** The header of a CSV object, read from its first bytes. Pure. */
import { isUtf8 } from 'node:buffer'
import { CsvFault, csvFaultWords } from './csv-fault.ts'
import { csvFields } from './csv-fields.ts'
import { CsvScanner } from './csv-scan.ts'
import type { CsvDialect } from './layout.ts'

export interface CsvHeader {
  /** In the file's order; an empty name is ''. */
  names: string[]
  /** Where the records begin: bytes from the object's start, behind byte order mark and header. */
  endOffset: number
  /** Names that stand more than once, each once. */
  duplicates: string[]
  /** Positions (from 0) of names that are empty. */
  emptyAt: number[]
  /** Why this is no header: a broken quote, or bytes that are not UTF-8. */
  fault?: string
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/** Where an object without a header begins: behind its UTF-8 byte order mark, if it has one. */
export function byteOrderMarkBytes(head: Buffer): number {
  return head.subarray(0, byteOrderMark.length).equals(byteOrderMark) ? byteOrderMark.length : 0
}

/**
 * `head`: the object's first bytes; `whole`: they are all of it, so that a header without a newline is one.
 * Blank lines and comments before the header are skipped. `undefined`: the header does not end within `head`; give more.
 * An object without any record has no names, and `endOffset` is its size.
 */
export function readCsvHeader(head: Buffer, dialect: CsvDialect, whole: boolean): CsvHeader | undefined {
  const scanner = new CsvScanner(dialect)
  let begin = byteOrderMarkBytes(head)
  let found: CsvHeader | undefined
  const onLine: Parameters<CsvScanner['scan']>[3] = ({ end, contentEnd, fault, comment }) => {
    if (contentEnd > begin && !comment)
      found = headerOf(head.subarray(begin, contentEnd), dialect, end, fault)
    begin = end
    return found === undefined
  }
  scanner.scan(head, begin, head.length, onLine)
  if (found === undefined && whole) scanner.finish(head.length, begin < head.length, onLine)
  if (found !== undefined) return found
  return whole ? { names: [], endOffset: head.length, duplicates: [], emptyAt: [] } : undefined
}

function headerOf(record: Buffer, dialect: CsvDialect, endOffset: number, fault: CsvFault): CsvHeader {
  const seen = { strayEscape: false }
  const names = csvFields(record, dialect, seen).map(name => name ?? '')
  return {
    names,
    endOffset,
    duplicates: [...new Set(names.filter((name, at) => name !== '' && names.indexOf(name) !== at))],
    emptyAt: names.flatMap((name, at) => (name === '' ? [at] : [])),
    ...faultOf(record, seen.strayEscape ? CsvFault.strayEscape : fault),
  }
}

function faultOf(record: Buffer, fault: CsvFault): { fault?: string } {
  if (fault !== CsvFault.none) return { fault: csvFaultWords(fault, 0, 0) }
  return isUtf8(record) ? {} : { fault: 'The header is not valid UTF-8.' }
}
