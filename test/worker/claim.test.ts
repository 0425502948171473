/** The conditional writes of an attempt, each with the rival that it is there for. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { createMemoryRecords } from '../../shared/memory/records.ts'
import type { Records } from '../../shared/ports.ts'
import { type Failure, fromItem, type PartitionRecord, recordKeys } from '../../shared/records.ts'
import { PartitionState } from '../../shared/vocabulary.ts'
import { claim, fail, type Held, succeed } from '../../worker/claim.ts'
import { runId, steppingClock } from './given.ts'

const key = recordKeys.partition(runId, 0)
const report = { recordsRead: 1, recordsRejected: 0, recordsWritten: 1, outputs: [] }

let records: Records

beforeEach(() => {
  records = createMemoryRecords()
})

function held(round: number, over: Partial<Records> = {}): Held {
  const child = {
    runId,
    round,
    chunk: 0,
    index: 0,
    jobId: `job-${round}`,
    jobAttempt: 1,
    memoryMiB: 512,
    vcpus: 1,
  }
  return { records: { ...records, ...over }, clock: steppingClock(), child, partition: 0 }
}

/** As a store that does not say what stood in the way. */
const tersely: Records['update'] = async (wanted, change, guard) => {
  const outcome = await records.update(wanted, change, guard)
  return outcome.ok ? outcome : { ok: false }
}

const refusing: Records['update'] = async () => ({ ok: false })

async function standing(): Promise<PartitionRecord> {
  const item = await records.get(key)
  assert.ok(item)
  return fromItem<PartitionRecord>(item)
}

function failure(fence: number): Failure {
  const what = { code: 'APPLICATION', fingerprint: 'f', reason: 'r', at: '2026-01-01T00:00:00.000Z' } as const
  return { round: 1, fence, ...what }
}

describe('A partition', () => {
  it('can be claimed by a later round, which shuts the earlier attempt out of either last word', async () => {
    assert.deepEqual(await claim(held(1)), { fence: 1 })
    assert.deepEqual(await claim(held(2)), { fence: 2 })
    const before = await standing()
    assert.equal(await succeed(held(1), 1, report), 'fenced off')
    assert.equal(await fail(held(1), failure(1)), 'fenced off')
    assert.deepEqual(await standing(), before)
    assert.equal(await succeed(held(2), 2, report), 'written')
    assert.equal((await standing()).state, PartitionState.SUCCEEDED)
    assert.equal(await succeed(held(1), 1, report), 'fenced off')
  })

  it('cannot be claimed by an earlier round, and is left as it is', async () => {
    await claim(held(2))
    const before = await standing()
    const answer = await claim(held(1))
    assert.ok('refused' in answer)
    assert.deepEqual([answer.refused, answer.by.round, answer.by.fence], ['overtaken', 2, 1])
    assert.deepEqual(await standing(), before)
  })

  it('cannot be claimed where a later round takes it between the look and the write', async () => {
    await claim(held(1))
    // Moves the round on and leaves the fence, as the record of a loss does.
    let raced = false
    const get: Records['get'] = async wanted => {
      const item = await records.get(wanted)
      if (!raced) await records.update(wanted, { set: { round: 3 } })
      raced = true
      return item
    }
    const answer = await claim(held(2, { get, update: tersely }))
    assert.ok('refused' in answer)
    assert.equal(answer.refused, 'overtaken')
    assert.deepEqual([(await standing()).round, (await standing()).fence], [3, 1])
  })

  it('that a later round lost before its container said a word cannot be claimed by an earlier one', async () => {
    await records.update(key, { set: { state: PartitionState.FAILED, round: 2 } })
    const before = await standing()
    const answer = await claim(held(1))
    assert.ok('refused' in answer)
    assert.equal(answer.refused, 'overtaken')
    assert.deepEqual(await standing(), before)
    assert.deepEqual(await claim(held(2)), { fence: 1 })
  })

  for (const [when, earlier] of [
    ['before anybody else', 0],
    ['behind others', 2],
  ] as const) {
    it(`that another attempt claims first is claimed with a fence of its own, ${when}`, async () => {
      for (let fence = 1; fence <= earlier; fence++) assert.deepEqual(await claim(held(1)), { fence })
      // The first write of a claim looks, the second takes.
      let writes = earlier === 0 ? 1 : 0
      const update: Records['update'] = async (wanted, change, guard) => {
        if (++writes === 2) assert.deepEqual(await claim(held(1)), { fence: earlier + 1 })
        return records.update(wanted, change, guard)
      }
      assert.deepEqual(await claim(held(1, { update })), { fence: earlier + 2 })
      const fences = Array.from({ length: earlier + 2 }, (_, at) => at + 1)
      assert.deepEqual(
        (await standing()).claims?.map(({ fence }) => fence),
        fences,
      )
    })
  }

  it('contended over and over is given up as a fault that passes', async () => {
    await assert.rejects(claim(held(1, { update: refusing })), { code: 'TEMPORARY_FAILURE' })
  })

  it('that has failed for its holder cannot be reported as succeeded by the same attempt any more', async () => {
    await claim(held(1))
    assert.equal(await fail(held(1), failure(1)), 'written')
    assert.equal(await succeed(held(1), 1, report), 'fenced off')
    const { state, report: kept, failures } = await standing()
    assert.deepEqual([state, kept, failures?.length], [PartitionState.FAILED, undefined, 1])
  })

  it('whose failure was written and its answer lost holds that failure once', async () => {
    await claim(held(1))
    await fail(held(1), failure(1))
    assert.equal(await fail(held(1), failure(1)), 'written')
    assert.equal((await standing()).failures?.length, 1)
  })
})
