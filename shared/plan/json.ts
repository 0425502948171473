/** Fields of JSON records that the pipeline does not name, as far as the head shows them. Pure. */
import type { Column } from '../documents.ts'
import type { Layout } from '../layout.ts'
import type { Pipeline } from '../pipeline.ts'
import type { Refusal } from './refusal.ts'
import type { TextHead } from './text.ts'

type JsonSource = Extract<Pipeline['source'], { format: 'ndjson' | 'json' }>

export interface JsonPlan {
  columns: Column[]
  layout: Pick<Layout, 'drift'>
}

/** A declared field that records lack is NULL there, whatever the rule. */
export function jsonDrift(source: JsonSource, declared: Column[], head: TextHead): JsonPlan | Refusal {
  const unknown = source.drift === 'ignore' || declared.length === 0 ? [] : unknownFields(declared, head)
  if (unknown.length === 0) return { columns: declared, layout: {} }
  if (source.drift === 'fail') return fieldsUnknown(unknown)
  const columns = [...declared, ...unknown.map(name => ({ name, type: 'JSON' }))]
  return { columns, layout: { drift: { unknown, lacking: [] } } }
}

/** In the order in which they come. A name that differs from one before it in case only stays in the whole record. */
function unknownFields(declared: Column[], head: TextHead): string[] {
  const seen = new Set(declared.map(({ name }) => name.toLowerCase()))
  const unknown: string[] = []
  for (const record of jsonRecords(head)) {
    for (const name of Object.keys(record)) {
      if (seen.has(name.toLowerCase())) continue
      seen.add(name.toLowerCase())
      unknown.push(name)
    }
  }
  return unknown
}

/** The objects among the lines of the head, or in the array it begins with; what is no JSON is left to the worker. */
export function jsonRecords({ bytes, whole }: TextHead): Record<string, unknown>[] {
  const lines = bytes.toString().split('\n')
  const complete = whole ? lines : lines.slice(0, -1)
  return complete.flatMap(line => objectIn(line))
}

function objectIn(text: string): Record<string, unknown>[] {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? [value as Record<string, unknown>] : []
  } catch {
    return []
  }
}

function fieldsUnknown(unknown: string[]): Refusal {
  return {
    code: 'COLUMNS_DIFFER',
    words: `the records have unknown fields: ${unknown.join(', ')}`,
    remedy: "Name them in source.columns, or set source.drift to 'widen' or 'ignore'.",
  }
}
