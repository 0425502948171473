/** What heals by itself, before reconcile comes round; and what is given up in the end. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { tellWithinMs } from '../../functions/reconcile.ts'
import { MillraceError } from '../../shared/errors.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { assertWell, runOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const bad: Misfortune = { partition: 0, kind: 'throws', error: new MillraceError('BAD_INPUT', 'not UTF-8') }
const telling = linesPipeline({ notify: { slack: '#data' } })
const refusal = new MillraceError('CHAT_REFUSED', 'the story fails Slack')

describe('a submit that dies with the round in its hands', () => {
  for (const when of ['before', 'after'] as const) {
    test(`${when} SubmitJob took effect is followed by another when its lease is over, without reconcile`, async () => {
      let died = false
      const house = new MemoryHouse({
        pipelines: [linesPipeline()],
        fault: ({ name }) => {
          if (died || name !== 'jobs.submit') return undefined
          died = true
          return when
        },
      })
      const runId = await house.drop('text/a.txt', linesOf(3))
      await house.untilQuiet()
      assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
      assert.equal(house.ports.jobs.submitted().length, 1)
      await assertWell(house)
    })
  }
})

describe('words that Slack refused', () => {
  test('are said at the very next try, without reconcile', async () => {
    const house = new MemoryHouse({ pipelines: [telling], misfortunes: [bad] })
    house.ports.chat.failWith(refusal, 1)
    await house.drop('text/a.txt', linesOf(1))
    await house.untilQuiet()
    assert.equal(house.ports.chat.messages.length, 1)
    await assertWell(house)
  })

  test('cannot be tried for ever: after a week the run leaves the open ones, and the log says so', async () => {
    const house = new MemoryHouse({ pipelines: [telling], misfortunes: [bad] })
    house.ports.chat.failWith(refusal, Number.MAX_SAFE_INTEGER)
    await house.drop('text/a.txt', linesOf(1))
    await house.untilQuiet()
    await house.reconcile()
    assert.equal(await openRuns(house), 1)
    await house.moveTo(house.ports.clock.now() + tellWithinMs)
    await house.reconcile()
    assert.equal(await openRuns(house), 0)
    assert.ok(
      house.logged.some(
        ({ level, message }) => level === 'error' && message.startsWith('nobody could be told'),
      ),
    )
  })
})

async function openRuns(house: MemoryHouse): Promise<number> {
  return (await house.ports.records.query({ index: 'open', pk: 'OPEN' })).items.length
}
