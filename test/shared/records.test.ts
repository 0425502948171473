import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromItem, partitionPagePk, recordKeys, runIndexes, toItem } from '../../shared/records.ts'
import { runId, runOf } from './given.ts'

describe('the key of a record', () => {
  test('puts a thousand partitions on a page, so that ten thousand never share one', () => {
    assert.equal(recordKeys.partition(runId, 999).pk, partitionPagePk(runId, 0))
    assert.equal(recordKeys.partition(runId, 1000).pk, partitionPagePk(runId, 1))
    assert.equal(recordKeys.partition(runId, 7123).sk, 'PART#00007123')
  })

  test('orders rounds and partitions as their numbers do', () => {
    const rounds = [2, 10, 30, 9].map(round => recordKeys.round(runId, round).sk)
    assert.deepEqual(
      rounds.toSorted(),
      [2, 9, 10, 30].map(round => recordKeys.round(runId, round).sk),
    )
    const parts = [1, 20, 300_000].map(partition => recordKeys.partition(runId, partition).sk)
    assert.deepEqual(parts.toSorted(), parts)
  })

  test('tells a version from a content', () => {
    const ref = { bucket: 'b', key: 'k' }
    assert.notDeepEqual(recordKeys.source(ref, 'e'), recordKeys.content(ref, 'e'))
  })
})

describe('a record as an item', () => {
  test('leaves out what is undefined, and comes back', () => {
    const run = runOf()
    const item = toItem(recordKeys.run(runId), { ...run, failure: undefined }, runIndexes(run))
    assert.ok(!('failure' in item))
    assert.deepEqual([item.open, item.openSk], ['OPEN', `${run.createdAt}#${runId}`])
    assert.equal(fromItem<{ pipeline: string }>(item).pipeline, 'orders')
  })

  test('cannot be given another key by what it holds', () => {
    assert.equal(toItem(recordKeys.run(runId), { pk: 'x', sk: 'y' }).pk, `RUN#${runId}`)
  })
})
