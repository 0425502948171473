/** Columns of a sample: name, narrowest type, and what a person should look at. Pure. */
import type { Column } from '../documents.ts'
import { narrowestType, varchar } from './infer.ts'

export interface InferredColumn extends Column {
  /** That were looked at, without those that are empty. */
  values: number
  /** Why the type is uncertain. */
  note?: string
}

/** Of the values of a text column, so many at least must be of one other type to be worth a word. */
const likelyShareMin = 0.9

/** @param values as texts; `undefined` where there is none */
export function inferText(name: string, values: readonly (string | undefined)[]): InferredColumn {
  const texts = values.filter(value => value !== undefined)
  const type = narrowestType(texts)
  if (type === undefined) return { name, type: varchar, values: 0, note: 'no value was seen' }
  const note = type === varchar ? (habitNote(texts) ?? exceptionNote(texts)) : roomNote(type)
  return { name, type, values: texts.length, ...(note ? { note } : {}) }
}

function roomNote(type: string): string | undefined {
  return type.startsWith('DECIMAL') ? 'with room for larger values than were seen' : undefined
}

/** As people write them where a comma is the decimal point; SQL makes values of them. */
const habits = [
  {
    shape: /^-?\d{1,3}(?:\.?\d{3})*,\d+$/,
    note: "numbers with a decimal comma: replace(replace(..., '.', ''), ',', '.')::DECIMAL(18,2) in the SQL",
  },
  { shape: /^\d{1,2}\.\d{1,2}\.\d{4}$/, note: "days: strptime(..., '%d.%m.%Y')::DATE in the SQL" },
]

function habitNote(texts: readonly string[]): string | undefined {
  return habits.find(({ shape }) => texts.every(text => shape.test(text)))?.note
}

/** A few values that are in the way of a narrower type: a missing one that is spelled out, as a rule. */
function exceptionNote(texts: readonly string[]): string | undefined {
  const types = texts.map(text => narrowestType([text]) ?? varchar)
  const others = texts.filter((_, at) => types[at] === varchar)
  const likely = narrowestType(texts.filter((_, at) => types[at] !== varchar))
  if (likely === undefined || likely === varchar || others.length > texts.length * (1 - likelyShareMin))
    return undefined
  return `${likely} but for ${others.length} of ${texts.length}: ${JSON.stringify(others[0]?.slice(0, 40))}`
}

/** @param tokens JSON values as they stand in the text, digit for digit; `undefined` where there is none */
export function inferJson(name: string, tokens: readonly (string | undefined)[]): InferredColumn {
  const given = tokens.filter(token => token !== undefined && token !== 'null')
  const kinds = new Set(given.map(kindOf))
  const [kind] = kinds
  if (kind === undefined) return { name, type: 'JSON', values: 0, note: 'no value was seen' }
  if (kinds.size > 1) {
    return { name, type: 'JSON', values: given.length, note: `of several kinds: ${[...kinds].join(', ')}` }
  }
  if (kind === 'nested') return { name, type: 'JSON', values: given.length }
  if (kind === 'string') return inferStrings(name, given)
  return inferText(name, given)
}

function kindOf(token: string | undefined): string {
  if (token === 'true' || token === 'false') return 'boolean'
  if (token?.startsWith('"')) return 'string'
  return /^[[{]/.test(token ?? '') ? 'nested' : 'number'
}

/** A string is a day or a time, or it is text: what looks like a number in quotes is meant to be none. */
function inferStrings(name: string, tokens: readonly (string | undefined)[]): InferredColumn {
  const texts = tokens.map(token => String(JSON.parse(token ?? '""')))
  const column = inferText(name, texts)
  if (/^(DATE|TIME)/.test(column.type)) return column
  return { name, type: varchar, values: texts.length }
}

/** The fields of a JSON object, numbers as they stand in its text. Errors: SyntaxError. */
export function jsonTokens(text: string): Map<string, string> {
  const numbers = new Map<unknown, Map<string, string>>()
  function keepNumber(this: unknown, key: string, value: unknown, context?: { source?: string }): unknown {
    if (typeof value === 'number' && context?.source !== undefined) {
      const own = numbers.get(this) ?? new Map<string, string>()
      numbers.set(this, own.set(key, context.source))
    }
    return value
  }
  const root = JSON.parse(text, keepNumber) as object
  const own = numbers.get(root)
  return new Map(Object.entries(root).map(([name, value]) => [name, own?.get(name) ?? JSON.stringify(value)]))
}
