import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ExpectationRecord } from '../../shared/expectation.ts'
import { expectationMessage } from '../../shared/slack/expectation-message.ts'

const deadline = Date.UTC(2026, 10, 21, 5)
const day: ExpectationRecord = {
  pipeline: 'flights',
  date: '2026-11-21',
  state: 'missed',
  expect: { by: '06:00', timezone: 'Europe/Berlin', files: 2, days: ['sat'] },
  deadline,
  since: 0,
  came: 1,
  expiresAt: 0,
}
const blocks = (record: ExpectationRecord, stage = 'local'): string =>
  JSON.stringify(expectationMessage(record, 'flights/', stage).blocks)

describe('a message about files that did not come', () => {
  it('says what was expected, by when, what came, and what to do', () => {
    const said = blocks(day)
    assert.equal(
      expectationMessage(day, 'flights/', 'local').text,
      'flights: files did not come: 2 files by 2026-11-21 06:00 Europe/Berlin, 1 came',
    )
    assert.match(said, /2 files below `flights\/` by 2026-11-21 06:00 Europe\/Berlin/)
    assert.match(said, /`npx millrace audit flights --since 2d`/)
    assert.match(blocks(day, 'prod'), /`npx millrace audit flights --since 2d --stage prod`/)
  })

  it('cannot be made markup by a pattern', () => {
    const said = blocks({ ...day, expect: { ...day.expect, matching: '<!channel>`&*.csv' } })
    assert.match(said, /like `&lt;!channel&gt;'&amp;\*\.csv`/)
    assert.doesNotMatch(said, /<!/)
  })

  it('goes into its thread when they came late, with how late', () => {
    const thread = { channel: '#data', ts: '17.1' }
    const late = { ...day, state: 'late' as const, thread, cameAt: deadline + 61 * 60_000 }
    const message = expectationMessage(late, 'flights/', 'local')
    assert.equal(message.threadTs, '17.1')
    assert.match(JSON.stringify(message.blocks), /\*Came\* 1 h 1 min after the deadline/)
    assert.doesNotMatch(JSON.stringify(message.blocks), /What to do/)
    assert.equal('threadTs' in expectationMessage({ ...day, state: 'late' }, 'flights/', 'local'), false)
  })
})
