/** What a run costs for each partition stays what it is, however many there are: held by counting, not by time. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { callsPerPartition, type ManyPartitions, manyPartitions } from '../../bench/many-partitions.ts'

const few = 1_001
const many = 10_001
const growthMax = 1.1
const byteCounts = ['documentBytesRead', 'documentBytesWritten', 'itemBytesRead', 'itemBytesWritten'] as const

function assertFlat(small: ManyPartitions, large: ManyPartitions): void {
  for (const name of Object.keys(large.costs.calls)) {
    const [before, now] = [callsPerPartition(small, name), callsPerPartition(large, name)]
    assert.ok(now <= growthMax * before, `${name}: ${now} for each of ${many}, ${before} of ${few}`)
  }
  for (const name of byteCounts) {
    const [before, now] = [small.costs[name] / small.partitions, large.costs[name] / large.partitions]
    assert.ok(now <= growthMax * before, `${name}: ${now} for each of ${many}, ${before} of ${few}`)
  }
}

describe('a run of 10,001 partitions costs for each of them what one of 1,001 does', () => {
  it('where none fails, and takes three reads, a write and two updates', async () => {
    const large = await manyPartitions(many, false)
    assertFlat(await manyPartitions(few, false), large)
    const each = ['objects.read', 'objects.write', 'records.update', ''].map(name =>
      callsPerPartition(large, name),
    )
    // Two documents and the source; the output; the claim and the last word.
    assert.deepEqual(each.map(Math.round), [3, 1, 2, 6])
    assert.equal(large.attempts, many)
  })

  it('where one in a hundred fails and one in twenty is reclaimed, and works no other again', async () => {
    const large = await manyPartitions(many, true)
    assertFlat(await manyPartitions(few, true), large)
    assert.deepEqual([large.rounds, large.attempts], [2, many + 100 + 500])
  })
})
