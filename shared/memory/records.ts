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

/** An item, and the text from which copies of it are made: cheaper than cloning. */
interface Kept {
  item: Item
  text: string
}

type Rows = Map<string, Map<string, Kept>>

/** Nothing handed in or out is shared with what is kept. */
export function createMemoryRecords(): Records {
  const rows: Rows = new Map()
  const find = ({ pk, sk }: RecordKey): Item | undefined => rows.get(pk)?.get(sk)?.item

  const write = (given: Item): Outcome => {
    const text = storedText(given)
    const item = JSON.parse(text) as Item
    const sorted = rows.get(item.pk) ?? new Map<string, Kept>()
    rows.set(item.pk, sorted.set(item.sk, { item, text }))
    return { ok: true, item: JSON.parse(text) as Item }
  }
  const copyOf = ({ pk, sk }: RecordKey): Item => JSON.parse(rows.get(pk)?.get(sk)?.text ?? '') as Item
  const guarded = (key: RecordKey, guard: Guard | undefined, next: (item?: Item) => Item): Outcome => {
    const item = find(key)
    if (holds(item, guard)) return write(next(item))
    return item === undefined ? { ok: false } : { ok: false, item: copyOf(key) }
  }

  return {
    get: async key => (find(key) === undefined ? undefined : copyOf(key)),
    put: async (item, guard) => guarded(item, guard, () => item),
    update: async (key: RecordKey, change: Change, guard?: Guard) =>
      guarded(key, guard, item => applyChange(item, key, change)),
    query: async query => page(candidates(rows, query), query, copyOf),
  }
}

function* candidates(rows: Rows, query: Query): Generator<Item> {
  const pages = query.index === undefined ? [rows.get(query.pk)] : rows.values()
  for (const page of pages) for (const { item } of page?.values() ?? []) yield item
}

function page(
  items: Iterable<Item>,
  query: Query,
  copyOf: (key: RecordKey) => Item,
): { items: Item[]; next?: string } {
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
