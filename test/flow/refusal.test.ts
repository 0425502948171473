/** Files that cannot be taken as they are: said so at once, with what to do, before anything is spent. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { headBytesMax } from '../../shared/plan.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { assertWell, runOf } from './endings.ts'
import { csvPipeline } from './settings.ts'

const refusals: [what: string, body: string | Buffer, code: string, words: RegExp][] = [
  ['lacks a column', 'id\n1\n', 'COLUMNS_DIFFER', /lacks name/],
  ['has a column more', 'id,name,age\n1,a,2\n', 'COLUMNS_DIFFER', /unknown age/],
  ['is UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x69, 0, 0, 0]), 'ENCODING_NOT_SUPPORTED', /UTF-32/],
  ['names a column twice', 'id,ID\n1,2\n', 'HEADER_AMBIGUOUS', /twice/],
  ['leaves a column without a name', 'id,\n1,2\n', 'HEADER_AMBIGUOUS', /no name/],
  ['has no end of its header', `"${'x'.repeat(headBytesMax + 1)}`, 'HEADER_TOO_LONG', /does not end/],
]

describe('a CSV file', () => {
  for (const [what, body, code, words] of refusals) {
    test(`that ${what} is REFUSED with a remedy, and Slack is told once`, async () => {
      const house = new MemoryHouse({ pipelines: [csvPipeline], copies: () => 2 })
      const runId = await house.drop('table/a.csv', body)
      await house.untilEnded()
      const { state, failure } = await runOf(house, runId)
      assert.deepEqual([state, failure?.code], [RunState.REFUSED, code])
      assert.match(failure?.words ?? '', words)
      assert.notEqual(failure?.remedy ?? '', '')
      assert.equal(house.ports.chat.messages.length, 1)
      assert.deepEqual(house.ports.jobs.submitted(), [])
      await assertWell(house)
    })
  }

  for (const [what, body] of [
    ['is empty', ''],
    ['has only a header', 'id,name\n'],
    ['has only a header and no newline', 'id,name'],
  ] as const) {
    test(`that ${what} is not refused: its certificate is of nothing`, async () => {
      const house = new MemoryHouse({ pipelines: [csvPipeline], withContent: false })
      const runId = await house.drop('table/a.csv', body)
      await house.untilEnded()
      const run = await runOf(house, runId)
      assert.deepEqual([run.state, run.partitions], [RunState.SUCCEEDED, 0])
      await assertWell(house)
    })
  }

  test('that was refused may be dropped again, corrected', async () => {
    const house = new MemoryHouse({ pipelines: [csvPipeline] })
    await house.drop('table/a.csv', 'id\n1\n')
    await house.untilEnded()
    const runId = await house.drop('table/a.csv', 'id,name\n1,a\n')
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    await assertWell(house)
  })
})
