/** Two at the same door: whoever comes second does no harm, and nothing is done twice that counts. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MillraceError } from '../../shared/errors.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Delivery } from '../../sim/deliveries.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { assertWell, runOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const seeds = 25
const misfortunes: Misfortune[] = [
  { partition: 0, round: 1, kind: 'throws', error: new MillraceError('TEMPORARY_FAILURE', 'a hiccup') },
  {
    partition: 1,
    round: 1,
    kind: 'dies',
    end: { exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' },
  },
  { partition: 2, round: 1, kind: 'vanishes' },
  { partition: 3, kind: 'reclaimed' },
]

/** Every event but the drop is lost, save what reconcile sends. */
const onlyByReconcile = ({ step, by }: Delivery): number => {
  if (step === 'partition') return 1
  return step === 'reconcile' || by === 'reconcile' ? 2 : 0
}

const stories: [what: string, copies: (delivery: Delivery) => number, reconcilesMax: number][] = [
  ['two reconciles at once, and nobody else who hears anything', onlyByReconcile, 25],
  ['three settles of every round', ({ step }) => (step === 'settle' ? 3 : 1), 1],
  ['three submits of every round', ({ step }) => (step === 'submit' ? 3 : 1), 1],
  ['three tracks of every end', ({ step }) => (step === 'track' ? 3 : 1), 1],
]

describe('a run', () => {
  for (const [what, copies, reconcilesMax] of stories) {
    test(`ends well with ${what}`, async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const house = new MemoryHouse({ seed, pipelines: [linesPipeline()], misfortunes, copies })
        const runId = await house.drop('text/a.txt', linesOf(6))
        await house.untilEnded(reconcilesMax)
        assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED, `seed ${seed}`)
        assert.equal(house.ports.chat.messages.length, 1)
        const submitted = house.ports.jobs.submitted().map(({ request }) => request.name)
        assert.equal(new Set(submitted).size, submitted.length, 'no array twice')
        await assertWell(house)
      }
    })
  }
})
