/** A JSON document whose array of records is to be found: what its head shows, and how it is to be read. Pure. */
import { MillraceError } from '../errors.ts'
import { JsonArray } from '../json/array.ts'
import type { Pipeline } from '../pipeline.ts'
import type { Stream } from './compression.ts'
import { isRefusal, type Refusal } from './refusal.ts'

/** A larger document is laid down in pieces first, and then worked in parallel. */
const wholeBytesDefault = 64 * 1024 ** 2

type JsonSource = Extract<Pipeline['source'], { format: 'json' }>

/**
 * Its records stand in the head as lines, at the places where they are in the document. No one can begin in the
 * middle of a document, so it is read whole, or split.
 * @param wanted bytes of a partition, where somebody asked for a number
 */
export function arrayStream(
  source: JsonSource,
  stream: Stream,
  bytes: number,
  wanted: number | undefined,
): Stream | Refusal {
  const { head } = stream
  const lines = isUtf16(source, head.bytes) ? notUtf8() : linesOf(source.path, head)
  if (isRefusal(lines)) return lines
  const serial = stream.space === 'whole' || stream.space === 'pieces'
  const small = bytes <= (wanted ?? wholeBytesDefault) ? 'whole' : 'pieces'
  return { ...stream, space: serial ? stream.space : small, head: { ...head, bytes: lines } }
}

function linesOf(path: string | undefined, { bytes, whole }: Stream['head']): Buffer | Refusal {
  const array = new JsonArray(path)
  try {
    const lines = array.rewrite(bytes)
    if (whole) array.end()
    return lines
  } catch (error) {
    if (!(error instanceof MillraceError) || error.refusal === undefined) throw error
    return { code: error.refusal, words: error.message, remedy: error.remedy ?? '' }
  }
}

/** A document begins in ASCII, so a zero among its first two bytes is half of a character. */
function isUtf16({ encoding }: JsonSource, head: Buffer): boolean {
  const mark = head.subarray(0, 2).toString('hex')
  return (
    encoding?.startsWith('utf-16') || mark === 'fffe' || mark === 'feff' || head.subarray(0, 2).includes(0)
  )
}

function notUtf8(): Refusal {
  return {
    code: 'JSON_NOT_UTF8',
    words: 'byte 0: the document is UTF-16; JSON that programs exchange is UTF-8',
    remedy: 'Convert it (for example `iconv -f UTF-16 -t UTF-8`) and drop it again.',
  }
}
