/** The search for records that break the work, on sets of bad records that are known. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { bisect } from '../../worker/bisect/search.ts'

function trialOf(bad: readonly number[]) {
  return async (begin: number, end: number) => {
    const found = bad.find(ordinal => ordinal >= begin && ordinal < end)
    return found === undefined ? undefined : `bad ${found}`
  }
}

const still = () => 0
const limits = (badMax: number) => ({ badMax, now: still })

async function foundOf(count: number, bad: readonly number[], badMax = bad.length + 1) {
  return bisect(count, trialOf(bad), limits(badMax))
}

describe('the search for bad records', () => {
  for (const [where, ordinal] of Object.entries({ first: 0, middle: 50_000, last: 99_999 })) {
    it(`finds one in 100,000 that is the ${where}, in few trials`, async () => {
      const { bad, trials, ended } = await foundOf(100_000, [ordinal])
      assert.deepEqual([bad, ended], [[{ ordinal, reason: `bad ${ordinal}` }], 'all'])
      assert.ok(trials <= 2 * 17 + 2, `${trials} trials`)
    })
  }

  it('finds all of any set, in order, each with its own reason, and no other', async () => {
    const given = fc.integer({ min: 1, max: 400 }).chain(count =>
      fc.record({
        count: fc.constant(count),
        bad: fc.uniqueArray(fc.nat(count - 1), { minLength: 1, maxLength: 30 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(given, async ({ count, bad }) => {
        const sorted = bad.toSorted((a, b) => a - b)
        const found = await foundOf(count, sorted)
        assert.equal(found.ended, 'all')
        assert.deepEqual(
          found.bad,
          sorted.map(ordinal => ({ ordinal, reason: `bad ${ordinal}` })),
        )
      }),
      { seed: 4, numRuns: 200 },
    )
  })

  it('stops at one more than can be tolerated, without a look at the others', async () => {
    const every = Array.from({ length: 30_000 }, (_, at) => at * 3)
    const { bad, trials, ended } = await foundOf(90_000, every, 11)
    assert.deepEqual([bad.map(({ ordinal }) => ordinal), ended], [every.slice(0, 11), 'tooMany'])
    assert.ok(trials < 60, `${trials} trials`)
  })

  it('cannot take for bad what fails only together with others', async () => {
    const both = async (begin: number, end: number) => (begin <= 3 && end > 700 ? 'too much' : undefined)
    const found = await bisect(1000, both, limits(5))
    assert.deepEqual([found.bad, found.ended], [[], 'together'])
  })

  it('finds the bad ones although others fail together, and says that those do', async () => {
    const mixed = async (begin: number, end: number) => {
      if (begin <= 2 && end > 2) return 'bad'
      return end - begin > 500 ? 'too much' : undefined
    }
    const { bad, ended } = await bisect(2000, mixed, limits(5))
    assert.deepEqual([bad, ended], [[{ ordinal: 2, reason: 'bad' }], 'together'])
  })

  it('gives up at a bounded number of trials', async () => {
    const bad = Array.from({ length: 10_000 }, (_, at) => at * 100)
    const { trials, ended } = await foundOf(1_000_000, bad, 100_000)
    assert.equal(ended, 'givenUp')
    assert.ok(trials <= 10_001, `${trials} trials`)
  })

  it('gives up when its time is over', async () => {
    let ms = 0
    const now = () => (ms += 60_000)
    const { trials, ended } = await bisect(1_000_000, trialOf([7, 8]), { badMax: 3, now })
    assert.equal(ended, 'givenUp')
    assert.ok(trials <= 16, `${trials} trials`)
  })
})
