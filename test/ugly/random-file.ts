/** Random sound files in a random dialect, of which the records are known because we wrote them. */
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { CsvDialect, Encoding, Layout } from '../../shared/layout.ts'
import type { Row } from './partitioned.ts'

export interface RandomFile {
  content: Buffer
  layout: Layout
  columns: string[]
  rows: Row[]
}

/** From 0 up to 1. */
export type Chance = () => number

const delimiters = [',', ',', ';', '\t', '|', '||', '¦', '\x01', '~~']
/** What looks like the end of a field, a record or a quote, and is not. */
const snippets = [
  'a',
  'b',
  '7',
  ' ',
  'ü',
  '日',
  '\n',
  '\r\n',
  '\r',
  '""',
  '"',
  "'",
  ',',
  ';',
  '\t',
  '|',
  '||',
  '\\',
  '#',
  '\n#',
  'x,y\n',
  '",\n"',
  '\u0a0a',
  '\u2028',
  '¦',
  '😀',
]
const isLatin = (text: string): boolean => [...text].every(one => (one.codePointAt(0) ?? 0) < 256)

export function randomFile(chance: Chance): RandomFile {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(chance() * items.length)] as Item
  const kind = pick(['csv', 'csv', 'csv', 'csv', 'ndjson', 'lines'] as const)
  const encoding = pick<Encoding>(['utf-8', 'utf-8', 'utf-8', 'utf-16le', 'utf-16be', 'latin-1'])
  const usable = snippets.filter(text => encoding !== 'latin-1' || isLatin(text))
  const text = (most: number): string =>
    Array.from({ length: Math.floor(chance() * most) }, () => pick(usable)).join('')
  if (kind === 'csv') return randomCsv(chance, pick, text, encoding)
  const count = Math.floor(chance() * 60)
  const lines = Array.from({ length: count }, () => {
    const words = text(8).replace(/[\r\n]/g, '')
    return kind === 'lines' ? words : JSON.stringify({ id: count, words, more: [words, { words: null }] })
  })
  const body = ended(lines, chance, pick, kind === 'ndjson')
  const layout = layoutOf(kind, encoding)
  const columns = [kind === 'lines' ? 'line' : '_json']
  const kept =
    kind === 'lines' ? lines.slice(0, body.endsWith('\n') || lines.at(-1) !== '' ? count : count - 1) : lines
  return { content: encoded(body, encoding), layout, columns, rows: kept.map(line => [line]) }
}

function layoutOf(format: Layout['format'], encoding: Encoding): Layout {
  return { format, encoding, compression: 'none', space: 'bytes', skipBytes: 0 }
}

type Pick = <Item>(items: readonly Item[]) => Item

/** Lines with ends of either kind; the last one perhaps without, blank ones between where they are no records. */
function ended(lines: readonly string[], chance: Chance, pick: Pick, blanks: boolean): string {
  const ends = pick([['\n'], ['\r\n'], ['\n', '\r\n']])
  const body = lines.map(line => line + pick(ends) + (blanks && chance() < 0.1 ? pick(ends) : '')).join('')
  return chance() < 0.5 ? body : body.replace(/\r?\n$/, '')
}

function randomCsv(
  chance: Chance,
  pick: Pick,
  text: (most: number) => string,
  encoding: Encoding,
): RandomFile {
  const comment = chance() < 0.2 ? '#' : undefined
  const escaping = chance() < 0.2 ? '\\' : undefined
  const dialect: CsvDialect = {
    delimiter: pick(delimiters.filter(one => encoding !== 'latin-1' || isLatin(one))),
    quote: pick(['"', '"', '"', "'"]),
    ...(escaping ? { escape: escaping } : {}),
    ...(comment ? { comment } : {}),
  }
  const columns = Array.from({ length: 1 + Math.floor(chance() * 5) }, (_, at) => `c${at}`)
  const quoting = pick([0.1, 0.5, 1])
  const rows: Row[] = []
  const lines: string[] = []
  for (let count = Math.floor(chance() * 60); count > 0; count--) {
    const fields = columns.map(() => randomField(text(pick([2, 4, 20])), dialect, chance() < quoting))
    const line = fields.map(({ written }) => written).join(dialect.delimiter)
    if (line === '') continue
    rows.push(fields.map(({ value }) => value))
    lines.push(line)
    if (comment && chance() < 0.1) lines.push(`#${text(6).replace(/[\r\n]/g, '')}`)
  }
  const body = ended(lines, chance, pick, true)
  return {
    content: encoded(body, encoding),
    layout: { ...layoutOf('csv', encoding), csv: dialect, header: false },
    columns,
    rows,
  }
}

function randomField(
  value: string,
  dialect: CsvDialect,
  quoted: boolean,
): { value: string | null; written: string } {
  const { delimiter, quote, escape: escaping, comment } = dialect
  const special = [delimiter[0] ?? '', quote, '\n', '\r', escaping ?? quote, comment ?? quote]
  const needed = special.some(one => value.includes(one)) || (value === '' && quoted)
  if (!quoted && !needed) return { value: value === '' ? null : value, written: value }
  const inside =
    escaping === undefined
      ? value.replaceAll(quote, quote + quote)
      : value.replaceAll(escaping, escaping + escaping).replaceAll(quote, escaping + quote)
  return { value, written: quote + inside + quote }
}

function encoded(text: string, encoding: Encoding): Buffer {
  if (encoding === 'latin-1') return Buffer.from(text, 'latin1')
  if (encoding === 'utf-16le') return Buffer.from(text, 'utf16le')
  if (encoding === 'utf-16be') return Buffer.from(text, 'utf16le').swap16()
  return Buffer.from(text)
}

/** The same records in an object made of members or frames, some of them empty. */
export function inBlocks(file: RandomFile, chance: Chance): RandomFile {
  const compression = chance() < 0.5 ? 'gzip' : 'zstd'
  const compress = compression === 'gzip' ? gzipSync : zstdCompressSync
  const { content, layout } = file
  const members: Buffer[] = []
  for (let at = 0; at < content.length || members.length === 0; ) {
    const end = Math.min(content.length, at + Math.floor(chance() ** 3 * 400))
    members.push(compress(content.subarray(at, end)))
    at = end
  }
  return { ...file, content: Buffer.concat(members), layout: { ...layout, compression, space: 'blocks' } }
}
