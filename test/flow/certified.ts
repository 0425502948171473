/** Which objects are in which certificates. */
import assert from 'node:assert/strict'
import { readDocument } from '../../functions/steps/documents.ts'
import { pagesOfList } from '../../functions/steps/object-list.ts'
import { type RunDocument, stateKeys } from '../../shared/documents.ts'
import type { MemoryHouse } from '../../sim/memory-house.ts'

/** How many certificates name each dropped object. */
async function certified(house: MemoryHouse): Promise<Map<string, number>> {
  const times = new Map<string, number>()
  const count = (key: string): void => void times.set(key, (times.get(key) ?? 0) + 1)
  const { objects } = house.ports
  for (const { runId, source } of house.ports.certificates) {
    const ref = { bucket: house.config.buckets.state, key: stateKeys.run(runId) }
    const run = await readDocument<RunDocument>(objects, ref)
    if (run.objects === undefined) count(source.key)
    for await (const page of pagesOfList({ objects }, run)) for (const { key } of page) count(key)
  }
  return times
}

/** Of so many keys that were dropped. */
export async function assertEachOnce(house: MemoryHouse, dropped: number): Promise<void> {
  const times = await certified(house)
  assert.equal(times.size, dropped)
  for (const [key, count] of times) assert.equal(count, 1, `${key} is in ${count} certificates`)
}
