import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isoTime } from '../../shared/clock.ts'
import type { PartitionRecord } from '../../shared/records.ts'
import { areMostDone, stragglerAgeMsMin, stragglerFactor, stragglersOf } from '../../shared/stragglers.ts'
import { PartitionState } from '../../shared/vocabulary.ts'

const now = Date.UTC(2026, 0, 31, 12)
const minuteMs = 60_000

const done = (partition: number, durationMs: number, round = 1): PartitionRecord => ({
  runId: 'r',
  partition,
  state: PartitionState.SUCCEEDED,
  fence: 1,
  round,
  report: { recordsRead: 1, recordsRejected: 0, recordsWritten: 1, outputs: [], durationMs },
})

const running = (partition: number, ageMs: number, more: Partial<PartitionRecord> = {}): PartitionRecord => ({
  runId: 'r',
  partition,
  state: PartitionState.RUNNING,
  fence: 2,
  round: 1,
  claims: [
    { round: 1, fence: 1, jobId: 'j', jobAttempt: 1, at: isoTime(now - 24 * 60 * minuteMs) },
    { round: 1, fence: 2, jobId: 'j', jobAttempt: 2, at: isoTime(now - ageMs) },
  ],
  ...more,
})

const asked = (...partitions: PartitionRecord[]): number[] =>
  stragglersOf(partitions, 1, now).map(({ partition }) => partition)

describe('a straggler', () => {
  const peers = [4, 10, 2].map((minutes, partition) => done(partition, minutes * minuteMs))
  const limitMs = stragglerFactor * 4 * minuteMs

  test('is slower than the median of its peers by far, counted from its own claim', () => {
    assert.deepEqual(asked(...peers, running(7, limitMs + 1), running(8, limitMs)), [7])
  })

  test('is never one that is young, however quick its peers were', () => {
    const quick = [done(0, 10), done(1, 10)]
    assert.deepEqual(asked(...quick, running(7, stragglerAgeMsMin)), [])
    assert.deepEqual(asked(...quick, running(7, stragglerAgeMsMin + 1)), [7])
  })

  test('is asked once, and a later attempt of its partition anew', () => {
    assert.deepEqual(asked(...peers, running(7, limitMs + 1, { askedToYield: 2 })), [])
    assert.deepEqual(asked(...peers, running(7, limitMs + 1, { askedToYield: 1 })), [7])
  })

  test('cannot be told from others without peers of its round, nor among those of another', () => {
    assert.deepEqual(asked(done(0, minuteMs, 2), running(7, limitMs + 1)), [])
    assert.deepEqual(asked(...peers, running(7, limitMs + 1, { round: 2 })), [])
  })
})

describe('most of a round', () => {
  test('is nine tenths of it, ended well or not, while some of it runs', () => {
    assert.ok(areMostDone(20, { SUCCEEDED: 17, FAILED: 1, RUNNING: 2 }))
    assert.ok(!areMostDone(20, { SUCCEEDED: 17, RUNNING: 3 }))
    assert.ok(!areMostDone(20, { SUCCEEDED: 18, RUNNABLE: 2 }))
    assert.ok(!areMostDone(9, { SUCCEEDED: 8.5, RUNNING: 1 }))
  })
})
