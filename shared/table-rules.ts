/** What guards and changes mean, once for every implementation of Records that is not DynamoDB itself. Pure. */
import { MillraceError } from './errors.ts'
import type { Change, Guard, Item, Json, Query, RecordKey, Test } from './table.ts'

/** DynamoDB's limits, held everywhere so that no machine takes what AWS would refuse. */
export const itemBytesMax = 400 * 1024
export const pageBytesMax = 1024 * 1024
export const pageItemsDefault = 1000
/** Shorter JSON needs no measuring: no character, number or empty list of it weighs four bytes a unit. */
const itemBytesSurelyFine = itemBytesMax / 4

/** The attributes that order each index. */
export const indexKeys = {
  table: { pk: 'pk', sk: 'sk' },
  open: { pk: 'open', sk: 'openSk' },
  pipeline: { pk: 'pipeline', sk: 'pipelineSk' },
} as const

/** No guard always holds; an empty one, having no clause to hold, never does. */
export function holds(item: Item | undefined, guard: Guard | undefined): boolean {
  if (guard === undefined) return true
  return guard.some(clause => Object.entries(clause).every(([name, test]) => passes(item?.[name], test)))
}

function passes(value: Json | undefined, test: Test): boolean {
  if ('absent' in test) return value === undefined
  if ('present' in test) return value !== undefined
  if ('is' in test) return value === test.is
  if ('oneOf' in test) return test.oneOf.some(one => one === value)
  return typeof value === 'number' && value <= test.atMost
}

/**
 * The item as it is after the change; `item` itself is left alone.
 * Errors: INVARIANT_BROKEN where DynamoDB would answer ValidationException: a key attribute or one attribute
 * changed twice, a sum onto what is no number, elements onto what is no list.
 */
export function applyChange(item: Item | undefined, key: RecordKey, change: Change): Item {
  checkChange(change)
  const next: Item = { ...item, pk: key.pk, sk: key.sk, ...change.set }
  for (const [name, amount] of Object.entries(change.add ?? {})) {
    const before = next[name] ?? 0
    if (typeof before !== 'number') throw misfit(key, name, 'a number')
    next[name] = before + amount
  }
  for (const [name, elements] of Object.entries(change.append ?? {})) {
    const before = next[name] === undefined ? [] : next[name]
    if (!Array.isArray(before)) throw misfit(key, name, 'a list')
    next[name] = [...before, ...elements]
  }
  for (const name of change.remove ?? []) delete next[name]
  return next
}

/** Errors: INVARIANT_BROKEN where the change names a key attribute, or one attribute twice. */
export function checkChange({ set, add, append, remove }: Change): void {
  const names = [set, add, append].flatMap(part => Object.keys(part ?? {})).concat(remove ?? [])
  const twice = names.find((name, at) => name === 'pk' || name === 'sk' || names.indexOf(name) !== at)
  if (twice === undefined) return
  throw new MillraceError('INVARIANT_BROKEN', `A change names ${twice}, which is a key or changed twice.`)
}

function misfit(key: RecordKey, name: string, wanted: string): MillraceError {
  return new MillraceError('INVARIANT_BROKEN', `${name} of ${key.pk} / ${key.sk} is not ${wanted}.`)
}

/**
 * The item as the text that is stored: undefined attributes are gone.
 * Errors: INVARIANT_BROKEN where the item is larger than DynamoDB takes.
 */
export function storedText(item: Item): string {
  const text = JSON.stringify(item)
  if (text.length > itemBytesSurelyFine && itemBytes(item) > itemBytesMax) {
    throw new MillraceError(
      'INVARIANT_BROKEN',
      `The item ${item.pk} / ${item.sk} is larger than ${itemBytesMax} bytes.`,
    )
  }
  return text
}

/** Size by DynamoDB's rules; numbers are taken at their least. In bytes. */
export function itemBytes(item: Item): number {
  return namedBytes(item)
}

function namedBytes(map: { [name: string]: Json | undefined }): number {
  let bytes = 0
  for (const [name, value] of Object.entries(map)) {
    if (value !== undefined) bytes += Buffer.byteLength(name) + valueBytes(value)
  }
  return bytes
}

function valueBytes(value: Json): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value === 'number') return Math.ceil(String(value).replace(/\D/g, '').length / 2) + 1
  if (value === null || typeof value === 'boolean') return 1
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + 1 + valueBytes(one), 3)
  return 3 + Object.keys(value).length + namedBytes(value)
}

/** Where a page ended: the keys of its last item, of the table and of the index. Opaque to callers. */
export type Cursor = RecordKey & { [name: string]: string }

export function cursorText(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

/** Errors: MALFORMED where the cursor is none, or of another query. */
export function cursorOf(query: Query): Cursor | undefined {
  if (query.after === undefined) return undefined
  const cursor = parsed(query.after)
  const names = cursorNames(query)
  const fits = names.every(name => typeof cursor?.[name] === 'string')
  if (cursor === undefined || !fits || cursor[keysOf(query).pk] !== query.pk) {
    throw new MillraceError('MALFORMED', 'The cursor `after` is of no page of this query.', {
      remedy: 'Hand back `next` of the page before, unchanged, with the same query.',
    })
  }
  const kept = names.map(name => [name, cursor[name]])
  return { ...Object.fromEntries(kept), pk: cursor.pk, sk: cursor.sk }
}

export function cursorAt(item: Item, query: Query): Cursor {
  const more = cursorNames(query).map(name => [name, String(item[name])])
  return { ...Object.fromEntries(more), pk: item.pk, sk: item.sk }
}

export function keysOf(query: Query): { pk: string; sk: string } {
  return indexKeys[query.index ?? 'table']
}

function cursorNames(query: Query): string[] {
  const { pk, sk } = keysOf(query)
  return [...new Set(['pk', 'sk', pk, sk])]
}

function parsed(text: string): Cursor | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Cursor) : undefined
  } catch {
    return undefined
  }
}

/** Order of UTF-8 bytes, which is that of code points; JavaScript's own puts surrogates before U+E000. */
export function byUtf8(left: string, right: string): number {
  const common = Math.min(left.length, right.length)
  for (let at = 0; at < common; at++) {
    const a = left.charCodeAt(at)
    const b = right.charCodeAt(at)
    if (a !== b) return rank(a) - rank(b)
  }
  return left.length - right.length
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}
