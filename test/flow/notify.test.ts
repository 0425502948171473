/** What Slack is told of a run. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MillraceError } from '../../shared/errors.ts'
import { EventType, ownSource, RunState } from '../../shared/vocabulary.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { assertWell, runOf } from './endings.ts'
import { linesOf, linesPipeline, play } from './settings.ts'

const interleavings = 40
const bad: Misfortune = { partition: 0, kind: 'throws', error: new MillraceError('BAD_INPUT', 'not UTF-8') }
const quiet = linesPipeline({ notify: { slack: '#data' } })

describe('a run that ended', () => {
  test('is told of once, though its event comes four times, however they interleave', async () => {
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

  test('is told of again neither by a late event nor by reconcile', async () => {
    const { house, runId } = await play([bad])
    const detail = { runId, pipeline: 'text', state: RunState.FAILED, round: 1 }
    const late = { source: ownSource, 'detail-type': EventType.runStateChange, detail }
    house.deliveries.enqueue('notify', late)
    await house.reconcile()
    assert.equal(house.ports.chat.messages.length, 1)
    await assertWell(house)
  })

  test('with success is not told of unless the pipeline asks for it', async () => {
    const { house, runId } = await play([], { pipelines: [quiet] })
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    assert.equal(house.ports.chat.messages.length, 0)
    await assertWell(house)
  })

  test('with failure is told of, with code, words, remedy and the command that goes on', async () => {
    const { house, runId } = await play([bad], { pipelines: [quiet] })
    const [message, ...more] = house.ports.chat.messages
    assert.equal(more.length, 0)
    assert.equal(message?.channel, '#data')
    const text = JSON.stringify(message?.blocks)
    for (const words of ['BAD_INPUT', 'not UTF-8', 'Correct the file', `npx millrace retry ${runId}`]) {
      assert.ok(text.includes(words), words)
    }
    await assertWell(house)
  })

  test('is told of to nobody where the pipeline names no channel, and is done all the same', async () => {
    const { house, run } = await play([bad], { pipelines: [linesPipeline({ notify: {} })] })
    assert.equal(run.state, RunState.FAILED)
    assert.equal(house.ports.chat.messages.length, 0)
    await assertWell(house)
  })

  test('is told of later, by reconcile, where Slack was down', async () => {
    const house = new MemoryHouse({ pipelines: [quiet], misfortunes: [bad] })
    const down = new MillraceError('TEMPORARY_FAILURE', 'the story fails Slack')
    house.ports.chat.failWith(down, 3)
    const runId = await house.drop('text/a.txt', linesOf(1))
    const reconciles = await house.untilEnded(5)
    assert.ok(reconciles > 0)
    assert.equal((await runOf(house, runId)).state, RunState.FAILED)
    assert.equal(house.ports.chat.messages.length, 1)
    await assertWell(house)
  })
})
