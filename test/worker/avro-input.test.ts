import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import type { PartitionRecord } from '../../shared/records.ts'
import { miscuts } from '../../shared/tiling.ts'
import { partitionOf, rejectsOf, rowsOf, worked } from './given.ts'
import { type PlannedOptions, type PlannedRun, plannedAndTaken, refusalOf } from './planned.ts'

/** Written by fastavro 1.12.1, an independent implementation; `rows-avro.json` says what it wrote. */
const fixture = (name: string): Promise<Buffer> => readFile(new URL(`fixtures/${name}`, import.meta.url))

const avro = (content: Buffer, over: Partial<PlannedOptions> = {}): PlannedOptions => ({
  ...over,
  content,
  source: { format: 'avro', ...over.source },
})

/** Works every partition and proves that they tile. */
async function workAll(given: PlannedRun): Promise<PartitionRecord[]> {
  const partitions: PartitionRecord[] = []
  for (let index = 0; index < given.run.partitions; index++) {
    const { exitCode, partition, log } = await worked(given, { index })
    assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
    assert.ok(partition)
    partitions.push(partition)
  }
  assert.deepEqual(miscuts(given.run, partitions), [])
  return partitions
}

describe('an Avro file', () => {
  for (const codec of ['null', 'deflate', 'snappy', 'zstandard']) {
    it(`compressed with ${codec} gives every value as it was written`, async () => {
      const given = await plannedAndTaken(avro(await fixture(`rows-${codec}.avro`)))
      await workAll(given)
      assert.deepEqual(await rowsOf(given), JSON.parse((await fixture('rows-avro.json')).toString()))
    })
  }
})
