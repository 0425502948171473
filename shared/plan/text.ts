/** What the head of a text object says of its records: encoding, dialect, header, columns. Pure. */
import type { Column } from '../documents.ts'
import { sourceBytesOf, toUtf8 } from '../encoding.ts'
import type { Layout } from '../layout.ts'
import { linesColumns } from '../line-patterns.ts'
import type { Pipeline } from '../pipeline.ts'
import { planCsv } from './csv.ts'
import { encodingOf } from './encoding-sniff.ts'
import { jsonDrift } from './json.ts'
import { refuseLoneReturns } from './line-ends.ts'
import { isRefusal, type Refusal } from './refusal.ts'

/** The logical (decompressed) beginning of an object. */
export interface TextHead {
  bytes: Buffer
  /** They are all there is. */
  whole: boolean
}

export interface TextPlan {
  columns: Column[]
  layout: Pick<Layout, 'encoding' | 'skipBytes' | 'csv' | 'header' | 'fields' | 'drift'>
}

/** Errors: none; what cannot be taken is a Refusal. */
export function planText({ source }: Pipeline, head: TextHead): TextPlan | Refusal {
  const sniffed = encodingOf(head, 'encoding' in source ? source.encoding : undefined)
  if (isRefusal(sniffed)) return sniffed
  const { encoding, markBytes } = sniffed
  const text = { bytes: toUtf8(head.bytes.subarray(markBytes), encoding), whole: head.whole }
  const unended = refuseLoneReturns(source, text.bytes, encoding, markBytes)
  if (unended) return unended
  const layout = { encoding, skipBytes: markBytes }
  const declared = declaredColumns(source)
  if (source.format === 'csv') {
    const plan = planCsv(source, declared, text)
    if (isRefusal(plan)) return plan
    const skipBytes = markBytes + sourceBytesOf(text.bytes, 0, plan.headerBytes, encoding)
    return { columns: plan.columns, layout: { ...layout, ...plan.layout, skipBytes } }
  }
  if (source.format !== 'ndjson' && source.format !== 'json') return { columns: declared, layout }
  const drifted = jsonDrift(source, declared, text)
  return isRefusal(drifted) ? drifted : { columns: drifted.columns, layout: { ...layout, ...drifted.layout } }
}

function declaredColumns(source: Pipeline['source']): Column[] {
  if (source.format === 'lines') return linesColumns(source)
  if (source.format === 'fixed') return source.fields.map(({ name, type }) => ({ name, type }))
  return Object.entries(source.columns ?? {}).map(([name, type]) => ({ name, type }))
}
