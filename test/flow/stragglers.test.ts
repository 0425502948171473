/** A few that are far slower than their peers are asked to leave the rest to others. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stragglerAgeMsMin, stragglerPartitionsMin } from '../../shared/stragglers.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { MemoryHouse } from '../../sim/memory-house.ts'
import { assertWell, partitionOf, runOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

const late = stragglerAgeMsMin + 60_000

/** The first `lingering` of them are slow, from the start. */
async function playSlow(partitions: number, lingering: number) {
  const misfortunes = Array.from({ length: lingering }, (_, partition): Misfortune => {
    return { partition, round: 1, kind: 'lingers' }
  })
  const house = new MemoryHouse({ pipelines: [linesPipeline()], misfortunes, slots: 8 })
  const runId = await house.drop('text/a.txt', linesOf(partitions))
  await house.untilQuiet()
  return { house, runId }
}

async function askedOf(house: MemoryHouse, runId: string, partition = 0): Promise<number | undefined> {
  return (await partitionOf(house, runId, partition)).askedToYield
}

const asking = (house: MemoryHouse): number =>
  house.calls.filter(
    ({ name, options }) => name === 'records.update' && JSON.stringify(options).includes('askedToYield'),
  ).length

describe('a partition that is still at work when nearly all are done', () => {
  test('is asked to leave off once, by the fence that it holds', async () => {
    const { house, runId } = await playSlow(20, 2)
    await house.moveTo(house.ports.clock.now() + late)
    await house.reconcile()
    assert.deepEqual([await askedOf(house, runId, 0), await askedOf(house, runId, 1)], [1, 1])
    await house.reconcile()
    assert.equal(asking(house), 2)
    await house.children.letIdleGo()
    await house.untilEnded(1)
    assert.equal((await runOf(house, runId)).state, RunState.SUCCEEDED)
    await assertWell(house)
  })

  for (const [why, partitions, lingering, waitMs] of [
    ['while it is young', 20, 1, 0],
    ['while many others are at work, too', 20, 3, late],
    ['where it has too few peers', stragglerPartitionsMin - 1, 1, late],
  ] as const) {
    test(`is left alone ${why}`, async () => {
      const { house, runId } = await playSlow(partitions, lingering)
      await house.moveTo(house.ports.clock.now() + waitMs)
      await house.reconcile()
      assert.equal(await askedOf(house, runId), undefined)
      await house.children.letIdleGo()
      await house.untilEnded(1)
      await assertWell(house)
    })
  }

  test('is worked again in the next round, where nobody was there to hear it', async () => {
    const { house, runId } = await playSlow(20, 1)
    await house.moveTo(house.ports.clock.now() + late)
    await house.reconcile()
    const [{ jobId = '' } = {}] = house.ports.jobs.submitted()
    house.ports.jobs.end(`${jobId}:0`, {
      status: 'FAILED',
      statusReason: 'Host EC2 (instance i-0) terminated.',
    })
    await house.untilEnded(1)
    const { state, round } = await runOf(house, runId)
    assert.deepEqual([state, round], [RunState.SUCCEEDED, 2])
    assert.ok((await askedOf(house, runId)) !== (await partitionOf(house, runId, 0)).fence)
    await house.children.letIdleGo()
    await assertWell(house)
  })
})
