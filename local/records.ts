/** Records on one machine: one SQLite file that any number of processes read and write. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { Records } from '../shared/ports.ts'
import type { Guard, Item, Outcome, Query, RecordKey } from '../shared/table.ts'
import {
  applyChange,
  cursorAt,
  cursorOf,
  cursorText,
  holds,
  indexKeys,
  itemBytes,
  keysOf,
  pageBytesMax,
  pageItemsDefault,
  storedText,
} from '../shared/table-rules.ts'
import { afterPrefix, inTransaction, openSqlite } from './sqlite.ts'

/** Text columns compare as UTF-8 bytes, as DynamoDB's sort keys do. */
const schema = `
  CREATE TABLE IF NOT EXISTS records (
    pk TEXT NOT NULL, sk TEXT NOT NULL, item TEXT NOT NULL,
    open TEXT, openSk TEXT, pipeline TEXT, pipelineSk TEXT,
    PRIMARY KEY (pk, sk)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS byOpen ON records (open, openSk, pk, sk) WHERE open IS NOT NULL;
  CREATE INDEX IF NOT EXISTS byPipeline ON records (pipeline, pipelineSk, pk, sk) WHERE pipeline IS NOT NULL;
`

/** `close()` once nothing is under way; the file stays. Errors of every method: TEMPORARY_FAILURE. */
export function openLocalRecords(dbFile: string): Records & { close(): void } {
  const db = openSqlite(dbFile, schema)
  const select = db.prepare('SELECT item FROM records WHERE pk = ? AND sk = ?')
  const upsert = db.prepare('INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)')

  const find = ({ pk, sk }: RecordKey): Item | undefined => itemOf(select.get(pk, sk))
  const write = (item: Item): Outcome => {
    const text = storedText(item)
    upsert.run(item.pk, item.sk, text, ...placeIn('open', item), ...placeIn('pipeline', item))
    return { ok: true, item: JSON.parse(text) as Item }
  }
  const guarded = (key: RecordKey, guard: Guard | undefined, next: (item?: Item) => Item): Outcome =>
    inTransaction(db, () => {
      const item = find(key)
      if (holds(item, guard)) return write(next(item))
      return item === undefined ? { ok: false } : { ok: false, item }
    })

  return {
    get: async key => find(key),
    put: async (item, guard) => guarded(item, guard, () => item),
    update: async (key, change, guard) => guarded(key, guard, item => applyChange(item, key, change)),
    query: async query => page(db, query),
    close: () => db.close(),
  }
}

/** Both attributes of an index, or neither: an item without them is not in it. */
function placeIn(index: 'open' | 'pipeline', item: Item): [string | null, string | null] {
  const { pk, sk } = indexKeys[index]
  const [left, right] = [item[pk], item[sk]]
  return typeof left === 'string' && typeof right === 'string' ? [left, right] : [null, null]
}

function page(db: DatabaseSync, query: Query): { items: Item[]; next?: string } {
  const limit = query.limit ?? pageItemsDefault
  const { sql, values } = statement(query, limit + 1)
  const items: Item[] = []
  let bytes = 0
  for (const row of db.prepare(sql).iterate(...values)) {
    const last = items.at(-1)
    if (last && (items.length === limit || bytes >= pageBytesMax)) {
      return { items, next: cursorText(cursorAt(last, query)) }
    }
    const item = itemOf(row)
    if (item === undefined) continue
    bytes += itemBytes(item)
    items.push(item)
  }
  return { items }
}

/** The names come from `indexKeys`, never from a caller; every value is bound. */
function statement(query: Query, rowsMax: number): { sql: string; values: SQLInputValue[] } {
  const { pk, sk } = keysOf(query)
  const order = sk === 'sk' ? ['sk'] : [sk, 'pk', 'sk']
  const conditions = [`${pk} = ?`]
  const values: SQLInputValue[] = [query.pk]
  const demand = (condition: string, ...more: SQLInputValue[]): void => {
    conditions.push(condition)
    values.push(...more)
  }
  if (query.skPrefix) {
    demand(`${sk} >= ?`, query.skPrefix)
    const beyond = afterPrefix(query.skPrefix)
    if (beyond !== undefined) demand(`${sk} < ?`, beyond)
  }
  const cursor = cursorOf(query)
  if (cursor) {
    const marks = order.map(() => '?').join(', ')
    const from = order.map(name => cursor[name] ?? '')
    demand(`(${order.join(', ')}) ${query.newestFirst ? '<' : '>'} (${marks})`, ...from)
  }
  const direction = query.newestFirst ? 'DESC' : 'ASC'
  const sql = `SELECT item FROM records WHERE ${conditions.join(' AND ')}
    ORDER BY ${order.map(name => `${name} ${direction}`).join(', ')} LIMIT ?`
  return { sql, values: [...values, rowsMax] }
}

function itemOf(row: Record<string, unknown> | undefined): Item | undefined {
  return row && (JSON.parse(String(row.item)) as Item)
}
