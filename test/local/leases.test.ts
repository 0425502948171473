import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { endLeases } from '../../local/leases.ts'
import { createMemoryBus } from '../../shared/memory/bus.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import { createMemoryRecords } from '../../shared/memory/records.ts'
import { type RunRecord, recordKeys, runIndexes, toItem } from '../../shared/records.ts'
import { EventType, RoundState, RunState } from '../../shared/vocabulary.ts'

const createdAt = '2026-01-31T12:00:00.000Z'
const claimedAt = 1_000_000

function run(runId: string, more: Partial<RunRecord> = {}): RunRecord {
  const source = { bucket: 'drops', key: 'in/a.csv', bytes: 1, etag: 'e' }
  const times = { createdAt, updatedAt: createdAt }
  return {
    runId,
    pipeline: 'tiny',
    state: RunState.PLANNED,
    source,
    partitions: 1,
    round: 1,
    ...times,
    ...more,
  }
}

async function given(record: RunRecord, state: RoundState) {
  const records = createMemoryRecords()
  await records.put(toItem(recordKeys.run(record.runId), record, runIndexes(record)))
  const round = { runId: record.runId, round: 1, state, partitions: 1, dueAt: 0, claimedAt }
  await records.put(toItem(recordKeys.round(record.runId, 1), round))
  return { records, bus: createMemoryBus(createMemoryClock(0)) }
}

describe('The leases of a stack that is gone', () => {
  it('end where a round was being submitted, which is due again at once', async () => {
    const { records, bus } = await given(run('a'), RoundState.SUBMITTING)
    assert.equal(await endLeases({ records, bus }), 1)
    assert.equal((await records.get(recordKeys.round('a', 1)))?.claimedAt, 0)
    const detail = { runId: 'a', pipeline: 'tiny', round: 1 }
    assert.deepEqual(bus.take(), [{ type: EventType.roundDue, detail }])
  })

  it('end where a person was being told', async () => {
    const { records, bus } = await given(
      run('a', { state: RunState.FAILED, tellingAt: claimedAt }),
      RoundState.ENDED,
    )
    assert.equal(await endLeases({ records, bus }), 1)
    assert.equal((await records.get(recordKeys.run('a')))?.tellingAt, undefined)
  })

  it('cannot end where there are none: what has gone further stays as it is', async () => {
    const { records, bus } = await given(run('a', { state: RunState.RUNNING }), RoundState.RUNNING)
    assert.equal(await endLeases({ records, bus }), 0)
    assert.equal((await records.get(recordKeys.round('a', 1)))?.claimedAt, claimedAt)
    assert.deepEqual(bus.take(), [])
    assert.equal(await endLeases({ records: createMemoryRecords(), bus }), 0)
  })
})
