import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { firstRejects, rejectsText } from '../../cli/rejects.ts'
import type { PartitionRecord, RunRecord } from '../../shared/records.ts'
import type { World } from '../../shared/world.ts'
import { buckets, runId, worked } from '../worker/given.ts'
import { listedRun, workedAll } from '../worker/listed.ts'
import { plannedAndTaken } from '../worker/planned.ts'

async function shown(text: string, options: { rejectedRecords: number; partitionBytes?: number }) {
  const source = { format: 'csv', header: true, columns: { id: 'INTEGER', name: 'VARCHAR' } }
  const given = await plannedAndTaken({ content: Buffer.from(text), source, ...options })
  const partitions: PartitionRecord[] = []
  for (const { partition } of given.assignments) {
    const { partition: record } = await worked(given, { index: partition })
    if (record) partitions.push(record)
  }
  const world = { objects: given.objects, config: { buckets } } as unknown as World
  const rejects = await firstRejects(world, { runId } as RunRecord, partitions)
  return { rejects, text: rejectsText(rejects, options.rejectedRecords) }
}

test('the first rejected records are shown with their line, their byte and what is wrong with them', async () => {
  const text = 'id,name\n1,"a\nb"\n\nx,"c\x1b[31md"\n2,e,f\n3,g\n'
  const { rejects, text: words } = await shown(text, { rejectedRecords: 2, partitionBytes: 12 })
  assert.deepEqual(
    rejects.map(({ objectLine, byteOffset, column }) => [objectLine, byteOffset, column]),
    [
      [5, text.indexOf('x,'), 'id'],
      [6, text.indexOf('2,e'), undefined],
    ],
  )
  assert.equal(
    words,
    `
rejected records
in/file, line 5, byte 17: id: The value does not fit INTEGER exactly.
  x,"c\\u001b[31md"
in/file, line 6, byte 29: The record has 3 fields where the table has 2 columns.
  2,e,f
`,
  )
})

test('among many objects, the line is that of the object: whole, compressed or cut into partitions', async () => {
  const rows = Array.from({ length: 40 }, (_, at) => (at % 9 === 5 ? `x${at},"a\nb"` : `${at},"a\nb"`))
  const texts: Record<string, string> = {
    'a.csv': 'id,name\n1,a\nx,b\n',
    'b.csv': `id,name\n${rows.join('\n')}\n`,
    'c.csv.gz': 'id,name\n1,"a\nb"\ny,b\n',
    'd.csv': '"name",id\nb,z\n',
  }
  const contents = Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [
      key,
      key.endsWith('.gz') ? gzipSync(text) : Buffer.from(text),
    ]),
  )
  const source = { format: 'csv', header: true, columns: { id: 'INTEGER', name: 'VARCHAR' } }
  const given = await listedRun({ contents, source, rejectedRecords: 10, partitionBytes: 150 })
  const partitions = await workedAll(given)
  assert.ok(partitions.length > 4)
  const world = { objects: given.objects, config: { buckets } } as unknown as World
  for (const one of partitions) {
    // A few are shown of each run: here, of each partition.
    const others = partitions.map(record =>
      record === one || !record.report ? record : { ...record, report: { ...record.report, rejectsKey: '' } },
    )
    for (const { key, raw, objectLine } of await firstRejects(world, { runId } as RunRecord, others)) {
      const text = texts[key] ?? ''
      const line = text.slice(0, text.indexOf(raw)).split('\n').length
      assert.deepEqual([key, raw, objectLine], [key, raw, line])
    }
  }
  assert.equal(
    partitions.reduce((sum, { report }) => sum + (report?.recordsRejected ?? 0), 0),
    7,
  )
})

test('a run that failed for its rejects shows them too, and never more than a few', async () => {
  const rows = Array.from({ length: 50 }, (_, at) => `bad${at},x`)
  const { rejects, text } = await shown(`id,name\n${rows.join('\n')}\n`, { rejectedRecords: 0 })
  assert.deepEqual(
    rejects.map(({ raw }) => raw),
    rows.slice(0, 5),
  )
  assert.ok(text.includes('in/file, line 2, byte 8: id'))
})

test('where nothing was rejected, nothing is said', async () => {
  const { rejects, text } = await shown('id,name\n1,a\n', { rejectedRecords: 0 })
  assert.deepEqual([rejects, text], [[], ''])
})
