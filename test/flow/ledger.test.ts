/** "Was this object loaded?" is answered for ever, whatever happened while it was planned. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Item } from '../../shared/table.ts'
import { assertWell } from './endings.ts'
import { MemoryHouse } from './memory-house.ts'
import { linesOf, linesPipeline } from './settings.ts'

describe('the ledger of sources', () => {
  test('knows a version and its content, even if its writer died before each of them once', async () => {
    const died = new Set<string>()
    const house = new MemoryHouse({
      pipelines: [linesPipeline()],
      fault: ({ name, subject }) => {
        const { pk, sk } = subject as Item
        if (name !== 'records.put' || !pk.startsWith('SOURCE#') || died.has(sk)) return undefined
        died.add(sk)
        return 'before'
      },
    })
    await house.drop('text/a.txt', linesOf(2))
    await house.untilEnded()
    assert.equal(died.size, 2)
    await assertWell(house)
  })
})
