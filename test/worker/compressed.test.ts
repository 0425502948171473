import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { PartitionRecord } from '../../shared/records.ts'
import { miscuts } from '../../shared/tiling.ts'
import { bgzfBlock, bgzfEnd, membersOf, zstdFrame } from './compressed-given.ts'
import { rejectsOf, rowsOf, worked } from './given.ts'
import { type PlannedRun, plannedAndTaken } from './planned.ts'

const count = 4000
const rows = Array.from({ length: count }, (_, at) => `${at},"line ${at}\nof two",${(at * 2654435761) % 1e9}`)
const text = Buffer.from(`id,words,hash\n${rows.join('\n')}\n`)
const source = {
  format: 'csv',
  columns: { id: 'INTEGER', words: 'VARCHAR', hash: 'INTEGER' },
}
const bgzf = Buffer.concat([membersOf(text, [3000, 700], bgzfBlock), bgzfEnd])

async function workAll(given: PlannedRun) {
  const partitions: PartitionRecord[] = []
  for (let index = 0; index < given.run.partitions; index++) {
    const { exitCode, partition, log } = await worked(given, { index })
    assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
    assert.ok(partition)
    partitions.push(partition)
  }
  return partitions
}

const seen = (given: PlannedRun) =>
  rowsOf(
    given,
    `SELECT count(*)::VARCHAR, sum(id)::VARCHAR, sum(hash)::VARCHAR,
     count(DISTINCT words)::VARCHAR FROM output`,
  )

test('a compressed file becomes the rows that the file in it would become, whole or in partitions', async () => {
  const plain = await plannedAndTaken({ content: text, source })
  await workAll(plain)
  const expected = await seen(plain)
  assert.equal(expected[0]?.[0], String(count))
  const frames = membersOf(text, [4000], zstdFrame)
  for (const [content, partitionBytes, space, partitions] of [
    [gzipSync(text), undefined, 'whole', 1],
    [zstdCompressSync(text), undefined, 'whole', 1],
    [bgzf, 30_000, 'blocks', Math.ceil(bgzf.length / 30_000)],
    [frames, 10_000, 'blocks', Math.ceil(frames.length / 10_000)],
  ] as const) {
    const given = await plannedAndTaken({ content, source, ...(partitionBytes ? { partitionBytes } : {}) })
    assert.deepEqual([given.run.layout.space, given.run.partitions], [space, partitions])
    assert.deepEqual(miscuts(given.run, await workAll(given)), [])
    assert.deepEqual(await seen(given), expected)
  }
})

test('a rejected record of a file of blocks is found at its block and the bytes behind that', async () => {
  const bad = Buffer.from(text.toString().replace('\n3500,', '\nthree,').replace('\n3600,', '\n3600,,'))
  const content = Buffer.concat([membersOf(bad, [3000, 700], bgzfBlock), bgzfEnd])
  const given = await plannedAndTaken({ content, source, rejectedRecords: 2, partitionBytes: 30_000 })
  const partitions = await workAll(given)
  const rejects = await Promise.all(partitions.map(({ report }) => rejectsOf(given, report?.rejectsKey)))
  const found = rejects.flat() as unknown as { byteOffset: number; within: number; raw: string }[]
  assert.deepEqual(found.map(({ raw }) => raw.slice(0, 5)).toSorted(), ['3600,', 'three'])
  for (const { byteOffset, within, raw } of found) {
    const behind = gunzipSync(content.subarray(byteOffset)).subarray(within)
    assert.equal(behind.toString('utf8', 0, Buffer.byteLength(raw)), raw)
  }
})

test('a partition that meets a damaged member refuses the file, and says at which byte', async () => {
  const damaged = Buffer.from(bgzf)
  const at = Math.floor(bgzf.length * 0.8)
  damaged.fill(0x55, at, at + 20)
  const given = await plannedAndTaken({ content: damaged, source, partitionBytes: 30_000 })
  const refusals: string[] = []
  for (let index = 0; index < given.run.partitions; index++) {
    const { exitCode, partition } = await worked(given, { index })
    if (exitCode === 0) continue
    const failure = partition?.failures?.at(-1)
    assert.match(failure?.reason ?? '', /byte \d+/)
    refusals.push(failure?.refusal ?? '')
  }
  assert.ok(refusals.length > 0)
  assert.ok(
    refusals.every(code => code === 'STREAM_CORRUPT'),
    `${refusals}`,
  )
})

test('a compressed file that was cut off is refused, also where all its records seem to be there', async () => {
  const stream = gzipSync(text)
  for (const cutBytes of [1, 9, 2000]) {
    const given = await plannedAndTaken({ content: stream.subarray(0, stream.length - cutBytes), source })
    const { exitCode, partition } = await worked(given)
    assert.equal(exitCode, 65)
    assert.equal(partition?.failures?.at(-1)?.refusal, 'STREAM_TRUNCATED')
  }
})
