/** Seeded stories of trouble on the real functions and the real worker: no promise is broken, and one that is, is found. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { replayOf } from '../../cli/simulate.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Records } from '../../shared/ports.ts'
import { type Broken, explain } from '../../sim/campaign.ts'
import { catalog } from '../../sim/catalog.ts'
import type { Fate } from '../../sim/fates.ts'
import { playStory } from '../../sim/play.ts'
import { playOnCores } from '../../sim/pool.ts'
import { promiseOf } from '../../sim/shrink.ts'
import { storyOf } from '../../sim/story.ts'

const seeds = 2000
const workers = 2

const pipelinesDir = path.resolve(import.meta.dirname, '../../pipelines')

describe('the simulator', () => {
  test(`plays ${seeds} stories, and no promise is broken`, async () => {
    const sum = await playOnCores({ first: 1, count: seeds, workers, brokenMax: 5 })
    assert.deepEqual(sum.broken, [])
    assert.equal(sum.seeds, seeds)
    const { SUCCEEDED = 0, FAILED = 0, REFUSED = 0 } = sum.counters.runs
    assert.ok(SUCCEEDED > FAILED && FAILED > 0 && REFUSED > 0, JSON.stringify(sum.counters.runs))
    assert.ok(sum.counters.bytesWorked > sum.counters.bytesCertified)
  })

  test('tells the same story of the same seed, and another of another', async () => {
    const [one, again, other] = [storyOf(4711), storyOf(4711), storyOf(4712)]
    assert.deepEqual(one, again)
    assert.notDeepEqual(one, other)
    const [first, second] = [await playStory(one, { traced: true }), await playStory(again, { traced: true })]
    assert.ok(first.trace.length > 20)
    assert.deepEqual(first, second)
  })
})

describe('what the work of a partition meets in a story', () => {
  const drop = { after: 0, kind: 'drop', pipeline: 'text', key: 'text/a.txt', lines: 4, salt: 's' } as const
  const met = async (fate: Fate): Promise<number> => {
    const misfortune = { partition: 1, round: 1, ...fate }
    const story = { seed: 1, acts: [drop], faults: [{ kind: 'work' as const, misfortune }] }
    const { violations, counters } = await playStory(story)
    assert.deepEqual(violations, [])
    assert.deepEqual(counters.runs, { SUCCEEDED: 1 })
    return counters.rounds
  }

  test('costs another round, whether it throws or is wrong of its start', async () => {
    const error = new MillraceError('TEMPORARY_FAILURE', 'a hiccup')
    assert.equal(await met({ kind: 'throws', error }), 2)
    assert.equal(await met({ kind: 'starts wrong', bytesLater: 7 }), 2)
  })
})

/** The table forgets the fence of every last word: whoever comes late is believed. */
const unfenced = (records: Records): Records => ({
  ...records,
  update: (key, change, guard) =>
    records.update(
      key,
      change,
      guard?.map(({ fence, ...clause }) =>
        fence && 'is' in fence ? clause : { ...clause, ...(fence && { fence }) },
      ),
    ),
})

describe('a fault in the house', () => {
  const seedsMax = 300

  async function firstBroken(): Promise<Broken> {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const { violations } = await playStory(storyOf(seed), { spoiled: unfenced })
      if (violations.length > 0) return { seed, violations }
    }
    return assert.fail(`not found within ${seedsMax} seeds`)
  }

  test('is found, and its story is made small', async () => {
    const broken = await firstBroken()
    const whole = storyOf(broken.seed)
    const { story, outcome } = await explain(broken, { spoiled: unfenced })
    assert.ok(story.faults.length + story.acts.length < whole.faults.length + whole.acts.length)
    assert.equal(promiseOf(outcome.violations[0] ?? ''), promiseOf(broken.violations[0] ?? ''))
    assert.match(
      promiseOf(outcome.violations[0] ?? ''),
      /^(Once|Monotone|Only the failed|Conservation|All or nothing|Nothing orphaned)$/,
    )
    assert.ok(
      outcome.trace.some(line => line.includes('<<<')),
      'the trace shows what went wrong',
    )
    const { violations } = await playStory(story)
    assert.deepEqual(violations, [], 'without the fault the same story is harmless')
  })
})

const program = path.resolve(import.meta.dirname, '../../cli/millrace.js')

/** A command as it is written down, with `--json`. Errors: it did not exit with 0. */
async function said(line: string): Promise<Record<string, unknown>> {
  const [, , ...words] = line.split(' ')
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    ...words,
    '--json',
    '--workers',
    '1',
  ])
  return JSON.parse(stdout) as Record<string, unknown>
}

describe('millrace simulate', () => {
  test('plays the very seed that a replay names', async () => {
    const replay = replayOf(4711, { ownPipelines: false, pipelinesDir: '', pipeline: 'array' })
    const { counters: played } = await said(replay)
    const [array] = catalog.filter(({ name }) => name === 'array')
    assert.ok(array)
    const { counters } = await playStory(storyOf(4711, [array]), { pipelines: [array] })
    assert.deepEqual(played, counters)
  })

  test("plays a user's own pipelines", async () => {
    const { seeds: played, broken } = await said(
      `npx millrace --pipelines ${pipelinesDir} simulate --seeds 20`,
    )
    assert.deepEqual([played, broken], [20, []])
  })
})
