/** The line that is shown while a run goes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { progressText, type Snapshot } from '../../cli/progress.ts'
import type { RunRecord } from '../../shared/records.ts'
import { PartitionState, RunState } from '../../shared/vocabulary.ts'

const shown = (state: RunState): Snapshot => ({
  run: { state, round: 2, source: { bytes: 1024 } } as RunRecord,
  byState: {
    [PartitionState.PLANNED]: 0,
    [PartitionState.RUNNING]: 0,
    [PartitionState.SUCCEEDED]: 0,
    [PartitionState.FAILED]: 1,
  },
  records: 0,
  rejected: 0,
  bytesDone: 0,
  bytes: 1024,
  elapsedMs: 5000,
})

test('a round that waits for its time is told from one that is at work', () => {
  assert.match(progressText(shown(RunState.WAITING)), /round 2, waiting for its time · 1 failed/)
  assert.match(progressText(shown(RunState.RUNNING)), /round 2 · 1 failed/)
})
