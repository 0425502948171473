/** Lines of objects, counted over partitions in the order of the source. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ObjectLines } from '../../cli/reject-lines.ts'
import type { RunDocument } from '../../shared/documents.ts'
import { PartitionPlan } from '../../shared/partition-plan.ts'
import type { PartitionRecord } from '../../shared/records.ts'

const document = {
  layout: { space: 'bytes', skipLines: 1 },
  dataStart: 0,
  dataEnd: 300,
  partitionBytes: 100,
  partitions: 3,
} as RunDocument
/** Partition 0 kept [0, 40); 3 took [40, 100). */
const resplits = [{ partition: 0, at: 40, end: 100, first: 3, shares: 1, depth: 0 }]

function linesOf(counts: (number | undefined)[]): ObjectLines {
  const partitions = counts.map((lines, partition) => ({
    partition,
    ...(lines === undefined ? {} : { report: { lines } }),
  }))
  return new ObjectLines(
    document,
    new PartitionPlan(document, resplits),
    partitions as unknown as PartitionRecord[],
  )
}

test('what was cut off a partition comes before the next one, whatever its number', () => {
  const lines = linesOf([10, 20, 30, 5])
  assert.deepEqual(
    [0, 3, 1, 2].map(partition => lines.lineOf({ partition, line: 2 })),
    [1 + 2, 1 + 10 + 2, 1 + 10 + 5 + 2, 1 + 10 + 5 + 20 + 2],
  )
})

test('behind a partition that was not read no line is known, and before it each is', () => {
  const lines = linesOf([10, 20, 30, undefined])
  assert.deepEqual(
    [0, 3, 1, 2].map(partition => lines.lineOf({ partition, line: 2 })),
    [3, 13, undefined, undefined],
  )
  assert.equal(lines.lineOf({ partition: 0 }), undefined)
})
