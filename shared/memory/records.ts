/** Records in memory: the simulator's table, and the reference for the other two. */
import type { Records } from '../ports.ts'
import type { Change, Guard, Item, Outcome, Query, RecordKey } from '../table.ts'
import {
  applyChange,
  byUtf8,
  cursorAt,
  cursorOf,
  cursorText,
  holds,
  itemBytes,
  keysOf,
  pageBytesMax,
  pageItemsDefault,
  storedText,
} from '../table-rules.ts'

/** Nothing handed in or out is shared with what is kept. */
export function createMemoryRecords(): Records {
  const rows = new Map<string, Map<string, Item>>()
  const find = ({ pk, sk }: RecordKey): Item | undefined => rows.get(pk)?.get(sk)

  const write = (item: Item): Outcome => {
    const kept = JSON.parse(storedText(item)) as Item
    const sorted = rows.get(item.pk) ?? new Map<string, Item>()
    rows.set(item.pk, sorted.set(item.sk, kept))
    return { ok: true, item: copyOf(kept) }
  }
  const guarded = (key: RecordKey, guard: Guard | undefined, next: (item?: Item) => Item): Outcome => {
    const item = find(key)
    if (holds(item, guard)) return write(next(item))
    return item === undefined ? { ok: false } : { ok: false, item: copyOf(item) }
  }

  return {
    get: async key => {
      const item = find(key)
      return item && copyOf(item)
    },
    put: async (item, guard) => guarded(item, guard, () => item),
    update: async (key: RecordKey, change: Change, guard?: Guard) =>
      guarded(key, guard, item => applyChange(item, key, change)),
    query: async query => page(candidates(rows, query), query),
  }
}

function* candidates(rows: Map<string, Map<string, Item>>, query: Query): Generator<Item> {
  if (query.index === undefined) {
    yield* rows.get(query.pk)?.values() ?? []
    return
  }
  for (const items of rows.values()) yield* items.values()
}

function page(items: Iterable<Item>, query: Query): { items: Item[]; next?: string } {
  const matching = inOrder(items, query)
  const limit = query.limit ?? pageItemsDefault
  const taken: Item[] = []
  let bytes = 0
  for (const item of matching) {
    if (taken.length === limit || bytes >= pageBytesMax) break
    bytes += itemBytes(item)
    taken.push(copyOf(item))
  }
  const last = taken.at(-1)
  if (last === undefined || taken.length === matching.length) return { items: taken }
  return { items: taken, next: cursorText(cursorAt(last, query)) }
}

type Place = RecordKey & { [name: string]: unknown }

function inOrder(items: Iterable<Item>, query: Query): Item[] {
  const { pk, sk } = keysOf(query)
  const sign = query.newestFirst ? -1 : 1
  const cursor = cursorOf(query)
  const order = (a: Place, b: Place): number =>
    sign * (byUtf8(String(a[sk]), String(b[sk])) || byUtf8(a.pk, b.pk) || byUtf8(a.sk, b.sk))
  const wanted = (item: Item): boolean => {
    const place = item[sk]
    if (item[pk] !== query.pk || typeof place !== 'string') return false
    return place.startsWith(query.skPrefix ?? '') && (cursor === undefined || order(item, cursor) > 0)
  }
  return [...items].filter(wanted).toSorted(order)
}

function copyOf(item: Item): Item {
  return structuredClone(item)
}
