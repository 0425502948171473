/** What planning found of a file, in words, and whether the pipeline had said it. Pure. */
import type { RunDocument } from '../shared/documents.ts'
import type { CsvDialect, Layout, Space } from '../shared/layout.ts'

export interface LayoutFact {
  name: string
  words: string
  /** By the file's own bytes, because the pipeline leaves it open. */
  sniffed: boolean
}

const spaceWords: Record<Space, string> = {
  bytes: 'cut by bytes, anywhere',
  blocks: 'cut by the compressed blocks it is made of',
  whole: 'taken whole',
  pieces: 'a stream that the split stage cuts first',
  rowGroups: 'cut by row groups',
  objects: 'many objects, one behind the other',
}

export function layoutFacts({ pipeline, layout }: RunDocument): LayoutFact[] {
  const told = new Map(Object.entries(pipeline.source).filter(([, value]) => value !== undefined))
  const fact = (name: string, words: string, ...settings: string[]): LayoutFact => ({
    name,
    words,
    sniffed: settings.some(setting => !told.has(setting)),
  })
  return [
    fact('format', layout.format),
    ...(isText(layout) ? [fact('encoding', layout.encoding, 'encoding')] : []),
    ...(isText(layout) ? [fact('compression', layout.compression, 'compression')] : []),
    ...(layout.csv ? dialectFacts(layout.csv, fact) : []),
    ...(layout.header === undefined ? [] : [fact('header', headerWords(layout.header), 'header')]),
    ...(layout.drift ? [fact('drift', driftWords(layout.drift, told.get('drift')))] : []),
    fact('splitting', spaceWords[layout.space]),
  ]
}

function isText({ format }: Layout): boolean {
  return format !== 'parquet' && format !== 'avro'
}

function dialectFacts(
  { delimiter, quote, escape: by, comment }: CsvDialect,
  fact: (name: string, words: string, ...settings: string[]) => LayoutFact,
): LayoutFact[] {
  return [
    fact('delimiter', JSON.stringify(delimiter), 'delimiter'),
    fact('quote', quote || 'none', 'quote'),
    fact('escape', by ?? (quote ? 'none: a quote within quotes is doubled' : 'none'), 'escape'),
    fact('comment', comment ?? 'none', 'comment'),
  ]
}

function headerWords(header: boolean): string {
  return header ? 'the first record names the columns' : 'none: the first record is data'
}

function driftWords(drift: NonNullable<Layout['drift']>, rule: unknown): string {
  return `${String(rule)}; ${driftText(drift)}`
}

/** Names that only the file has, and names that only the pipeline has. */
export function driftText({ unknown, lacking }: NonNullable<Layout['drift']>): string {
  const parts = [
    ...(unknown.length > 0 ? [`not in the pipeline: ${unknown.join(', ')}`] : []),
    ...(lacking.length > 0 ? [`not in the file: ${lacking.join(', ')}`] : []),
  ]
  return parts.join('; ')
}
