/** What is planned still covers the source once and in order, whatever was cut and given away. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Resplit } from '../../shared/documents.ts'
import { PartitionPlan } from '../../shared/partition-plan.ts'
import { documentOf } from './given.ts'

const document = documentOf(4)

/** Each cuts one of the partitions there are by then, somewhere within. */
function resplitsFrom(draws: readonly { whom: number; where: number; shares: number }[]): Resplit[] {
  const made: Resplit[] = []
  for (const { whom, where, shares } of draws) {
    const plan = new PartitionPlan(document, made)
    const partition = Math.floor(whom * plan.count)
    const { start, end } = plan.planned(partition)
    const at = start + Math.floor(where * (end - start))
    made.push({ partition, at, end, first: plan.count, shares, depth: plan.depth(partition) + 1 })
  }
  return made
}

const draw = fc.record({
  whom: fc.double({ min: 0, max: 0.999, noNaN: true }),
  where: fc.double({ min: 0, max: 1, noNaN: true }),
  shares: fc.integer({ min: 1, max: 5 }),
})

describe('a plan whose partitions were cut', () => {
  test('can be walked in the order of the source, without a gap and without an overlap', () => {
    fc.assert(
      fc.property(fc.array(draw, { maxLength: 12 }), draws => {
        const plan = new PartitionPlan(document, resplitsFrom(draws))
        let at = document.dataStart
        const seen = new Set<number>()
        for (let place = 0; place < plan.count; place++) {
          const task = plan.taskAt(place)
          const { partition, start, end } = plan.planned(task)
          assert.equal(partition, task)
          assert.equal(start, at)
          assert.ok(end >= start)
          assert.equal(plan.placeOf(task), place)
          seen.add(task)
          at = end
        }
        assert.equal(at, document.dataEnd)
        assert.equal(seen.size, plan.count)
      }),
      { seed: 4, numRuns: 500 },
    )
  })

  test('is the arithmetic itself where nothing was cut', () => {
    const plan = new PartitionPlan(document)
    assert.equal(plan.count, 4)
    assert.deepEqual([plan.taskAt(2), plan.placeOf(3), plan.depth(1)], [2, 3, 0])
  })

  test('tells a share that was cut itself only what it has kept', () => {
    const hint = { exactStart: 150 }
    const once: Resplit = { partition: 1, at: 150, end: 210, first: 4, shares: 1, depth: 0, hint }
    const twice: Resplit = { partition: 4, at: 180, end: 210, first: 5, shares: 1, depth: 0 }
    assert.deepEqual(new PartitionPlan(document, [once, twice]).first(4), {
      partition: 4,
      start: 150,
      end: 180,
      exactStart: 150,
    })
  })

  test('tells only the first share where an attempt left off, and every share from where to scan', () => {
    const cut = { partition: 1, at: 150, end: 200, first: 4, shares: 2, depth: 0 }
    const left = new PartitionPlan(document, [{ ...cut, hint: { exactStart: 150, unproven: true } }])
    assert.deepEqual([left.first(4).exactStart, left.first(4).unproven], [150, true])
    assert.equal(left.first(5).exactStart, undefined)
    const scanned = new PartitionPlan(document, [{ ...cut, hint: { scanFrom: 90 } }])
    assert.deepEqual([scanned.first(4).scanFrom, scanned.first(5).scanFrom], [90, 90])
    assert.equal(scanned.planned(5).scanFrom, undefined)
  })
})
