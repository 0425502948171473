/** Each input read whole and at once by a reader that others wrote, or by the plainest code there is. */
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import type { Pipeline } from '../../shared/pipeline.ts'
import { contentOf, type UglyInput } from './inputs.ts'
import type { Row } from './partitioned.ts'

/** `undefined` where records of it are to be rejected: no other reader has our rules. */
export function serialRows({ name, content, pipeline, expectation }: UglyInput): Row[] | undefined {
  if (expectation.rejected !== undefined || expectation.bad) return undefined
  const { sameAs } = expectation
  const bytes = sameAs ? decompressed(sameAs, contentOf(sameAs)) : decompressed(name, content)
  const { source } = pipeline
  const text = textOf(bytes, 'encoding' in source ? source.encoding : undefined)
  if (source.format === 'csv') return csvRows(text, source, expectation.delimiterFound)
  if (source.format === 'ndjson')
    return linesOf(text)
      .filter(line => line !== '')
      .map(line => [line])
  if (source.format === 'json') return elementsOf(JSON.parse(text), source.path)
  if (source.format === 'lines') return linesOf(text).map(line => [line])
  if (source.format === 'fixed') return fixedRows(text, source)
  throw new TypeError(`no serial reader of ${source.format}`)
}

/** Of zstd, Node reads the first frame alone. */
function decompressed(name: string, content: Buffer): Buffer {
  if (name.endsWith('.gz')) return gunzipSync(content)
  return name.endsWith('.zst') ? zstdDecompressSync(content) : content
}

function textOf(bytes: Buffer, encoding: string | undefined): string {
  const mark = bytes.subarray(0, 2).toString('hex')
  if (encoding === 'latin-1') return bytes.toString('latin1')
  const name = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : (encoding ?? 'utf-8')
  return new TextDecoder(name).decode(bytes)
}

type Source<Format> = Extract<Pipeline['source'], { format: Format }>

function csvRows(text: string, source: Source<'csv'>, delimiterFound: string | undefined): Row[] {
  const quote = source.quote ?? '"'
  const rows = parse(text, {
    delimiter: source.delimiter ?? delimiterFound ?? ',',
    quote: quote === '' ? false : quote,
    escape: source.escape ?? (quote === '' ? null : quote),
    ...(source.comment ? { comment: source.comment, comment_no_infix: true } : {}),
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    skip_empty_lines: true,
    cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
  }) as unknown as Row[]
  const [first = []] = rows
  const records = source.header === false ? rows : rows.slice(1)
  return source.ragged === 'pad' ? records.map(row => padded(row, first.length, source.rescued)) : records
}

function padded(row: Row, columns: number, rescued: string | undefined): Row {
  const fields = [...row.slice(0, columns), ...Array<null>(Math.max(0, columns - row.length)).fill(null)]
  const surplus = row.slice(columns).map(field => field ?? '')
  if (rescued === undefined) return fields
  return [...fields, surplus.length > 0 ? JSON.stringify(surplus) : null]
}

function linesOf(text: string): string[] {
  const lines = text.split('\n')
  const last = lines.pop() ?? ''
  return [...lines.map(line => line.replace(/\r$/, '')), ...(last === '' ? [] : [last])]
}

function elementsOf(value: unknown, path: string | undefined): Row[] {
  const found = (path?.split('.') ?? []).reduce((at, key) => (at as Record<string, unknown>)[key], value)
  return (found as unknown[]).map(element => [JSON.stringify(element)])
}

function fixedRows(text: string, { fields, recordBytes }: Source<'fixed'>): Row[] {
  const records =
    recordBytes === undefined ? linesOf(text) : (text.match(new RegExp(`.{${recordBytes}}`, 'gs')) ?? [])
  return records.map(record => {
    let behind = 0
    return fields.map(({ start = behind, width }) => {
      behind = start + width
      const value = [...record].slice(start, behind).join('').trim()
      return value === '' ? null : value
    })
  })
}
