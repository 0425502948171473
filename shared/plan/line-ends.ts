/** Do the lines of a text end as they must? Pure. */
import { sourceBytesOf } from '../encoding.ts'
import { recordBytesOf } from '../fixed.ts'
import type { Encoding } from '../layout.ts'
import type { Pipeline } from '../pipeline.ts'
import { newline } from '../scanned-line.ts'
import type { Refusal } from './refusal.ts'

const carriageReturn = 13

/**
 * A lone CR is data: a file of old Macs, whose lines end in nothing else, would be one long header or record, and its
 * run a success without its rows. Of `lines` nothing is lost in that way; a JSON document, and records of so many
 * bytes, have no lines.
 * @param text in UTF-8, behind its byte order mark of `markBytes`
 */
export function refuseLoneReturns(
  source: Pipeline['source'],
  text: Buffer,
  encoding: Encoding,
  markBytes: number,
): Refusal | undefined {
  const hasLines = ['csv', 'ndjson', 'fixed'].includes(source.format) && recordBytesOf(source) === undefined
  if (!hasLines) return undefined
  const at = text.indexOf(carriageReturn)
  if (at === -1 || at === text.length - 1 || text.includes(newline)) return undefined
  return {
    code: 'LINE_ENDS_NOT_SUPPORTED',
    words: `the first lines end in CR alone, at byte ${markBytes + sourceBytesOf(text, 0, at, encoding)} for one; lines end in LF or CRLF`,
    remedy:
      "Convert them, for example with `tr '\\r' '\\n'`, and drop the file again. If it is one record with a CR in it, end it in LF.",
  }
}
