/** What the head of a text object says of its records: encoding, header, columns. Pure. */
import { byteOrderMarkBytes, type CsvHeader, readCsvHeader } from '../csv-header.ts'
import type { Column } from '../documents.ts'
import type { CsvDialect, Layout } from '../layout.ts'
import type { Pipeline } from '../pipeline.ts'
import type { Refusal } from './refusal.ts'

/** The logical (decompressed) beginning of an object. */
export interface TextHead {
  bytes: Buffer
  /** They are all there is. */
  whole: boolean
}

export interface TextPlan {
  columns: Column[]
  layout: Pick<Layout, 'encoding' | 'skipBytes' | 'csv' | 'header' | 'fields'>
}

/** Errors: none; what cannot be taken is a Refusal. */
export function planText(pipeline: Pipeline, head: TextHead): TextPlan | Refusal {
  const utf16 = refuseUtf16(head.bytes)
  if (utf16) return utf16
  const bomBytes = byteOrderMarkBytes(head.bytes)
  const layout = { encoding: 'utf-8', skipBytes: bomBytes } as const
  const { source } = pipeline
  if (source.format === 'lines') return { columns: [{ name: 'line', type: 'VARCHAR' }], layout }
  const declared = declaredColumns(pipeline)
  if (source.format !== 'csv') return { columns: declared, layout }
  const csv: CsvDialect = { delimiter: source.delimiter ?? ',', quote: source.quote ?? '"' }
  const header = source.header ?? true
  const plan = (columns: Column[], skipBytes: number): TextPlan => ({
    columns,
    layout: { ...layout, skipBytes, csv, header },
  })
  if (!header) return declared.length > 0 ? plan(declared, bomBytes) : columnsUnknown()
  if (head.whole && head.bytes.length === bomBytes) return plan(declared, bomBytes)
  const found = withHeader(declared, csv, head)
  return 'code' in found ? found : plan(found.columns, found.endOffset)
}

function declaredColumns(pipeline: Pipeline): Column[] {
  const columns = 'columns' in pipeline.source ? pipeline.source.columns : undefined
  return Object.entries(columns ?? {}).map(([name, type]) => ({ name, type }))
}

function refuseUtf16(head: Buffer): Refusal | undefined {
  const mark = head.subarray(0, 2).toString('hex')
  if (mark !== 'fffe' && mark !== 'feff') return undefined
  return {
    code: 'ENCODING_NOT_SUPPORTED',
    words: 'byte 0 begins a UTF-16 byte order mark; only UTF-8 is taken',
    remedy: 'Convert the file to UTF-8 (for example `iconv -f UTF-16 -t UTF-8`) and drop it again.',
  }
}

function columnsUnknown(): Refusal {
  return {
    code: 'COLUMNS_UNKNOWN',
    words: 'the file has no header and the pipeline names no columns',
    remedy: 'Name them in source.columns, or set source.header to true.',
  }
}

interface Found {
  columns: Column[]
  endOffset: number
}

function withHeader(declared: Column[], csv: CsvDialect, head: TextHead): Found | Refusal {
  const header = readCsvHeader(head.bytes, csv, head.whole)
  if (header === undefined) {
    return {
      code: 'HEADER_TOO_LONG',
      words: `the header does not end within the first ${head.bytes.length} bytes`,
      remedy: 'Check source.quote and source.delimiter: an unclosed quote in the header looks like this.',
    }
  }
  if (header.names.length === 0) return { columns: declared, endOffset: header.endOffset }
  return headerFault(header) ?? matchHeader(header.names, declared, header.endOffset)
}

/** The header must name the pipeline's columns, each once, in the same order: DuckDB would not notice. */
function matchHeader(names: string[], declared: Column[], endOffset: number): Found | Refusal {
  if (declared.length === 0) return { columns: names.map(name => ({ name, type: 'VARCHAR' })), endOffset }
  const wanted = declared.map(({ name }) => name)
  const lacking = wanted.filter(name => !names.includes(name))
  const extra = names.filter(name => !wanted.includes(name))
  if (lacking.length > 0 || extra.length > 0) return drift(lacking, extra, names)
  const types = new Map(declared.map(({ name, type }) => [name, type]))
  return { columns: names.map(name => ({ name, type: types.get(name) ?? 'VARCHAR' })), endOffset }
}

function headerFault({ names, emptyAt, fault }: CsvHeader): Refusal | undefined {
  const folded = names.map(name => name.toLowerCase())
  const twice = names.find((_, at) => folded.indexOf(folded[at] ?? '') !== at)
  const words = [
    ...(fault === undefined ? [] : [fault]),
    ...emptyAt.map(at => `column ${at + 1} of the header has no name`),
    ...(twice === undefined ? [] : [`the header names ${twice} twice (case is ignored)`]),
  ]
  if (words.length === 0) return undefined
  return {
    code: 'HEADER_AMBIGUOUS',
    words: words.join('; '),
    remedy:
      'Give every column a name of its own in the header, or set source.header to false and name source.columns.',
  }
}

function drift(lacking: string[], extra: string[], names: string[]): Refusal {
  const parts = [
    ...(lacking.length > 0 ? [`lacks ${lacking.join(', ')}`] : []),
    ...(extra.length > 0 ? [`has unknown ${extra.join(', ')}`] : []),
  ]
  return {
    code: 'COLUMNS_DIFFER',
    words: `the header ${parts.join(' and ')}; it reads ${names.join(', ')}`,
    remedy: 'Correct the file, or source.columns in the pipeline, then drop the file again.',
  }
}
