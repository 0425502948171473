/** What services are known to show late: Batch its jobs, DynamoDB its indexes. S3's lists are never late. */
import type { Clock, Records } from '../shared/ports.ts'
import type { Item, Outcome, Query, RecordKey } from '../shared/table.ts'
import { indexKeys } from '../shared/table-rules.ts'

interface Written {
  atMs: number
  key: RecordKey
  before: Item | undefined
}

/** Queries of an index see every item as it was `staleMs()` ago; so long a time is remembered at most. */
export function staleIndexes(base: Records, clock: Clock, staleMs: () => number): Records {
  let written: Written[] = []
  const seen = async (key: RecordKey, write: () => Promise<Outcome>): Promise<Outcome> => {
    if (staleMs() === 0) return write()
    const before = await base.get(key)
    const outcome = await write()
    if (outcome.ok) written.push({ atMs: clock.now(), key, before })
    return outcome
  }
  const query = async (asked: Query) => {
    const page = await base.query(asked)
    const since = clock.now() - staleMs()
    written = written.filter(({ atMs }) => atMs > since)
    if (asked.index === undefined || written.length === 0) return page
    return { ...page, items: asBefore(page.items, written, asked) }
  }
  return {
    ...base,
    put: (item, guard) => seen(item, () => base.put(item, guard)),
    update: (key, change, guard) => seen(key, () => base.update(key, change, guard)),
    query,
  }
}

const name = ({ pk, sk }: RecordKey): string => `${pk} ${sk}`

function asBefore(items: Item[], written: readonly Written[], { index, pk }: Query): Item[] {
  // The oldest write of each counts: what stood before it is what is still shown.
  const shown = new Map(written.toReversed().map(one => [name(one.key), one.before]))
  const own = indexKeys[index ?? 'table'].pk
  const restored = [...shown.values()].filter(item => item?.[own] === pk)
  return [...items.filter(item => !shown.has(name(item))), ...restored.flatMap(item => item ?? [])]
}
