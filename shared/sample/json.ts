/** JSON by its content: a record a line, or a document with an array of records. Pure. */
import { MillraceError } from '../errors.ts'
import { JsonArray } from '../json/array.ts'
import { jsonTokens } from '../plan/infer-columns.ts'
import type { Refusal } from '../plan/refusal.ts'
import type { TextHead } from '../plan/text.ts'
import { linesOf, type Sample } from './findings.ts'

/** Places of arrays that are looked into. */
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
  return isDocument(head) ? noArray() : undefined
}

/** As far as the head shows. */
function isDocument({ bytes, whole }: TextHead): boolean {
  const text = bytes.toString()
  return whole ? parsed(text) !== undefined : /^\s*\{\s*"[^"]*"\s*:/.test(text)
}

type Tokens = Map<string, string>

function recordIn(line: string): Tokens | undefined {
  try {
    return line.trimStart().startsWith('{') ? jsonTokens(line) : undefined
  } catch {
    return undefined
  }
}

interface Open {
  isArray: boolean
  /** Of the value at hand, in an object. */
  key: string
}

/** The names on the way to arrays that begin with an object, in the order of the document; no array on the way. */
function pathsIn({ bytes }: TextHead): string[] {
  const paths = new Set<string>()
  const open: Open[] = []
  let last = ''
  for (const [token] of bytes.toString().matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/g)) {
    const inside = open.at(-1)
    if (token === '{' && last === '[') addPath(paths, open)
    if (token === '{' || token === '[') open.push({ isArray: token === '[', key: '' })
    else if (token === '}' || token === ']') open.pop()
    else if (inside && (last === '{' || last === ',')) inside.key = token.slice(1, -1)
    last = token
  }
  return [...paths].slice(0, pathsMax)
}

function addPath(paths: Set<string>, open: readonly Open[]): void {
  const owners = open.slice(0, -1)
  const sound = owners.every(({ isArray, key }) => !isArray && /^[^.\\]+$/.test(key))
  if (sound && owners.length > 0) paths.add(owners.map(({ key }) => key).join('.'))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The one with the most records. */
function arrayIn(
  head: TextHead,
  paths: readonly (string | undefined)[],
): { source: { path?: string }; records: Tokens[] } | undefined {
  const arrays = paths.map(path => ({
    source: path === undefined ? {} : { path },
    records: recordsAt(head, path),
  }))
  const [best] = arrays.toSorted((a, b) => b.records.length - a.records.length)
  return best && best.records.length > 0 ? best : undefined
}

function recordsAt(head: TextHead, path: string | undefined): Tokens[] {
  const lines = linesOf({ bytes: rewritten(head, path), whole: head.whole })
  const records = lines.map(recordIn).filter(record => record !== undefined)
  return records.length === lines.length ? records : []
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
    words: 'the document shows no array of objects within its first bytes',
    remedy: 'Give a sample with records: an array of objects, or one object a line.',
  }
}
