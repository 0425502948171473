/** What reclaims cost in bytes that are read again, on seeded runs of the simulator. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { manyReclaims, repeatedShare } from '../../bench/reclaims.ts'

const runs = 25
const repeatedMax = 0.05

describe('of the sources of runs three in ten of whose workers are reclaimed in mid-read', () => {
  it('under 5 % are read more than once where the machines give notice', async () => {
    const total = await manyReclaims(runs, 'with notice')
    assert.ok(total.reclaimed > 0.25 * total.attempts, JSON.stringify(total))
    assert.ok(repeatedShare(total) < repeatedMax, JSON.stringify(total))
  })

  it('more than that are where they do not', async () => {
    const total = await manyReclaims(runs, 'without')
    assert.ok(total.reclaimed > 0.25 * total.attempts, JSON.stringify(total))
    assert.ok(repeatedShare(total) > repeatedMax, JSON.stringify(total))
  })
})
