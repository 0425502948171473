/** Arrays as large as Batch takes them, and larger. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { headBytesMax } from '../../shared/plan.ts'
import type { ReadOptions } from '../../shared/ports.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { Delivery } from '../../sim/deliveries.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import type { PortCall } from '../../sim/port-calls.ts'
import { assertWell, codesOf, runOf, workedIn } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

/** Every word of a child is lost: settle has to ask Batch. */
function ofNoChild({ step, event }: Delivery): number {
  const { detail } = event as { detail: { arrayProperties?: { index?: number } } }
  return step === 'track' && detail.arrayProperties?.index !== undefined ? 0 : 1
}

/** Steps run through, outputs are only looked for by name: there are thousands. */
async function playLarge(
  partitions: number,
  failing: number[] = [],
  copies: HouseOptions['copies'] = () => 1,
  fault: HouseOptions['fault'] = () => undefined,
): Promise<MemoryHouse> {
  const misfortunes: Misfortune[] = failing.map(partition => ({
    partition,
    round: 1,
    kind: 'dies',
    end: { exitCode: 75 },
  }))
  const house = new MemoryHouse({
    pipelines: [linesPipeline({ split: { partitionBytes: 12 } })],
    misfortunes,
    copies,
    fault,
    gated: false,
    withContent: false,
  })
  const lines = Array.from({ length: partitions }, (_, at) => `line ${at}`.padEnd(11, '.')).join('\n')
  const runId = await house.drop('text/large.txt', `${lines}\n`)
  await house.untilEnded(1)
  const run = await runOf(house, runId)
  assert.deepEqual([run.state, run.totals?.recordsRead], [RunState.SUCCEEDED, partitions])
  await assertWell(house)
  return house
}

const sizesOf = (house: MemoryHouse): number[] =>
  house.ports.jobs.submitted().map(({ request }) => request.size)

describe('a run', () => {
  for (const [partitions, sizes] of [
    [1, [1]],
    [2, [2]],
    [10_000, [10_000]],
    [10_001, [10_000, 1]],
  ] as const) {
    test(`of ${partitions} partitions is submitted as jobs of ${sizes.join(' and ')}`, async () => {
      assert.deepEqual(sizesOf(await playLarge(partitions)), sizes)
    })
  }

  test('of 12,345 partitions with failures in both arrays works again exactly those', async () => {
    const failing = [0, 999, 1000, 9_999, 10_000, 12_344]
    const house = await playLarge(12_345, failing, ofNoChild)
    assert.deepEqual(sizesOf(house), [10_000, 2_345, failing.length])
    assert.deepEqual(
      workedIn(house, 2).toSorted((a, b) => a - b),
      failing,
    )
    assert.equal(workedIn(house, 1).length, 12_345)
    const [{ runId = '' } = {}] = house.ports.certificates
    for (const partition of failing) assert.deepEqual(await codesOf(house, runId, partition), ['TEMPORARY'])
  })

  test('of 10,001 partitions whose submit died between its two jobs goes on with the second', async () => {
    let jobs = 0
    const fault = ({ name }: PortCall) => (name === 'jobs.submit' && ++jobs === 2 ? 'before' : undefined)
    const house = await playLarge(10_001, [], () => 1, fault)
    assert.deepEqual(sizesOf(house), [10_000, 1])
  })
})

describe('planning', () => {
  for (const partitions of [10, 1000, 10_000]) {
    test(`${partitions} partitions reads 64 KiB at most and writes a page for every thousand`, async () => {
      const house = new MemoryHouse({ pipelines: [linesPipeline()], slots: 0 })
      await house.drop('text/a.txt', linesOf(partitions))
      await house.untilQuiet()
      const planning = house.calls.filter(({ by }) => by === 'partition').map(({ name }) => name)
      assert.deepEqual(planning, [
        'records.get',
        'objects.head',
        'objects.read',
        'objects.write',
        ...Array.from({ length: Math.ceil(partitions / 1000) }, () => 'objects.write'),
        // The round, the ledger's two entries, and the run.
        'records.put',
        'records.put',
        'records.put',
        'records.put',
        'bus.publish',
      ])
      const read = house.calls.find(({ name }) => name === 'objects.read')?.options as ReadOptions | undefined
      assert.deepEqual(read?.range, { start: 0, end: Math.min(headBytesMax, 20 * partitions) })
      const submitting = house.calls.filter(({ by, name }) => by === 'submit' && name === 'jobs.submit')
      assert.equal(submitting.length, 1)
    })
  }
})
