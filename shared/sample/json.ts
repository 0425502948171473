/** JSON by its content: a record a line, or a document with an array of records. Pure. */
import { MillraceError } from '../errors.ts'
import { JsonArray } from '../json/array.ts'
import { jsonTokens } from '../plan/infer-columns.ts'
import type { Refusal } from '../plan/refusal.ts'
import type { TextHead } from '../plan/text.ts'
import { linesOf, type Sample } from './findings.ts'

/** Where an array of objects may be: behind these names, tried in their order. */
const pathsMax = 100

export function jsonSample(head: TextHead): Sample | Refusal | undefined {
  const first = head.bytes.toString('utf8', 0, 1024).trimStart()[0]
  if (first !== '{' && first !== '[') return undefined
  const lines = linesOf(head)
  const records = lines.map(recordIn)
  const isLines = first === '{' && records.length > 0 && records.every(record => record !== undefined)
  const array =
    isLines && records.length > 1 ? undefined : arrayIn(head, first === '[' ? [undefined] : pathsIn(head))
  if (array) return { ...sampleOf('json', array.records), source: { format: 'json', ...array.source } }
  if (isLines)
    return sampleOf(
      'ndjson',
      records.filter(record => record !== undefined),
    )
  return first === '{' && head.whole ? noArray() : undefined
}

type Tokens = Map<string, string>

function recordIn(line: string): Tokens | undefined {
  try {
    return line.trimStart().startsWith('{') ? jsonTokens(line) : undefined
  } catch {
    return undefined
  }
}

/** The names that stand before arrays of objects, the outermost first. */
function pathsIn({ bytes, whole }: TextHead): string[] {
  if (whole) return nestedPaths(bytes.toString())
  const names = [...bytes.toString().matchAll(/"([^"\\.]+)"\s*:\s*\[\s*\{/g)].map(([, name = '']) => name)
  return [...new Set(names)].slice(0, pathsMax)
}

function nestedPaths(text: string): string[] {
  const paths: string[] = []
  const queue: [path: string, value: unknown][] = [['', parsed(text)]]
  for (const [path, value] of queue) {
    if (Array.isArray(value) && isObject(value[0])) paths.push(path)
    if (!isObject(value) || queue.length > pathsMax) continue
    const entries = Object.entries(value).filter(([name]) => !name.includes('.'))
    queue.push(
      ...entries.map(([name, inner]): [string, unknown] => [path === '' ? name : `${path}.${name}`, inner]),
    )
  }
  return paths
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function arrayIn(
  head: TextHead,
  paths: readonly (string | undefined)[],
): { source: { path?: string }; records: Tokens[] } | undefined {
  for (const path of paths) {
    const lines = linesOf({ bytes: rewritten(head, path), whole: head.whole })
    const records = lines.map(recordIn).filter(record => record !== undefined)
    if (records.length > 0 && records.length === lines.length) {
      return { source: path === undefined ? {} : { path }, records }
    }
  }
  return undefined
}

function rewritten({ bytes }: TextHead, path: string | undefined): Buffer {
  try {
    return new JsonArray(path).rewrite(bytes)
  } catch (error) {
    if (error instanceof MillraceError) return Buffer.alloc(0)
    throw error
  }
}

function sampleOf(format: 'json' | 'ndjson', records: readonly Tokens[]): Sample {
  const names = new Set(records.flatMap(record => [...record.keys()]))
  const values = [...names].map((name): [string, (string | undefined)[]] => [
    name,
    records.map(record => record.get(name)),
  ])
  return { source: { format }, values: new Map(values), kind: 'json', records: records.length, notes: [] }
}

function noArray(): Refusal {
  return {
    code: 'JSON_ARRAY_MISSING',
    words: 'the document has no array of objects',
    remedy: 'Give a sample with records: an array of objects, or one object a line.',
  }
}
