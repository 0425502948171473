/** What Slack is told of a run. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertWell } from './endings.ts'
import { MemoryHouse } from './memory-house.ts'
import { linesOf, linesPipeline } from './settings.ts'

const interleavings = 40

describe('a run that ended', () => {
  test(`is told of once, though its event comes four times, however they interleave`, async () => {
    for (let seed = 1; seed <= interleavings; seed++) {
      const house = new MemoryHouse({
        seed,
        pipelines: [linesPipeline()],
        copies: ({ step }) => (step === 'notify' ? 4 : 1),
      })
      await house.drop('text/a.txt', linesOf(1))
      await house.untilEnded()
      await assertWell(house)
      assert.equal(house.ports.chat.messages.length, 1, `seed ${seed}`)
    }
  })
})
