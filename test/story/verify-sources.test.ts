/** Certificates of every kind of source, worked out anew from it: whatever the partitions tile. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { verdictOn } from '../../cli/verify.ts'
import type { RunRecord } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { certificateAt } from './published.ts'
import { drop, dropped, ended, openStory, runsOf, type Story, tempDir, until } from './story.ts'

const job = { memoryMiB: 512 }
const columns = { id: 'INTEGER', name: 'VARCHAR' }
const pipelineOf = (name: string, source: Record<string, unknown>) => ({
  name,
  source: { prefix: `${name}/`, ...source },
  split: { partitionBytes: 100_000 },
  work: { sql: 'SELECT id, name FROM input' },
  output: { prefix: `${name}/` },
  tolerate: { rejectedRecords: 10 },
  retry: { backoffSeconds: 0 },
  job,
})

const recordsEach = 9000
/** Digits that hardly compress. */
const nameOf = (id: number): string =>
  String(Math.imul(id, 2654435761) >>> 0) + String(Math.imul(id, 40503) >>> 0)
const ids = Array.from({ length: recordsEach }, (_, id) => id)
const csv = `id,name\n${ids.map(id => `${id === 7 ? 'seven' : id},"${nameOf(id)}\n"`).join('\n')}\n`
const json = JSON.stringify(ids.map(id => ({ id, name: nameOf(id) })))

/** One gzip member each, as bgzip writes them, but for its extra field. */
function membersOf(text: string, bytes: number): Buffer {
  const content = Buffer.from(text)
  const members: Buffer[] = []
  for (let at = 0; at < content.length; at += bytes) members.push(gzipSync(content.subarray(at, at + bytes)))
  return Buffer.concat(members)
}

async function parquetOf(): Promise<Buffer> {
  const { dir, remove } = tempDir()
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const file = path.join(dir, 'a.parquet')
  try {
    await connection.run(
      `COPY (SELECT range::INTEGER AS id, range::VARCHAR AS name FROM range(${recordsEach})) TO '${file}' (ROW_GROUP_SIZE 2048)`,
    )
    return readFileSync(file)
  } finally {
    connection.closeSync()
    instance.closeSync()
    remove()
  }
}

const kinds = [
  { name: 'plain', space: 'bytes', format: 'csv', partitionBytes: 100_000, content: () => Buffer.from(csv) },
  { name: 'small', space: 'whole', format: 'csv', partitionBytes: 200_000, content: () => gzipSync(csv) },
  { name: 'serial', space: 'pieces', format: 'csv', partitionBytes: 60_000, content: () => gzipSync(csv) },
  {
    name: 'members',
    space: 'blocks',
    format: 'csv',
    partitionBytes: 60_000,
    content: () => membersOf(csv, 20_000),
  },
  {
    name: 'array',
    space: 'pieces',
    format: 'json',
    partitionBytes: 100_000,
    content: () => Buffer.from(json),
  },
  { name: 'rows', space: 'rowGroups', format: 'parquet', partitionBytes: 20_000, content: parquetOf },
]

let story: Story
const runs = new Map<string, RunRecord>()

before(async () => {
  const named = kinds.map(({ name, format }) => [`${name}.ts`, pipelineOf(name, { format, columns })])
  story = await openStory(Object.fromEntries(named))
  await Promise.all(
    kinds.map(async ({ name, partitionBytes, content }) => {
      const options = partitionBytes === undefined ? {} : { partitionBytes }
      runs.set(name, await dropped(story, `${name}/a`, await content(), options))
    }),
  )
})
after(() => story?.close())

/** Two objects that no pipeline takes by their keys, as one run. */
async function loaded(): Promise<RunRecord> {
  const { objects } = story.stack.world
  await objects.write({ bucket: 'drops', key: 'loose/a.csv' }, Buffer.from(csv))
  await objects.write({ bucket: 'drops', key: 'loose/b.csv' }, Buffer.from(csv))
  await drop(story, '_manifests/plain/two.json', JSON.stringify({ prefix: 'loose/' }))
  const known = runs.get('plain')?.runId
  const { runId } = await until('the run of the manifest', async () =>
    (await runsOf(story, 'plain')).find(run => run.runId !== known),
  )
  return ended(story, runId)
}

describe('A certificate can be worked out anew where the partitions tile', () => {
  for (const { name, space } of kinds) {
    it(`${space} (${name})`, async () => {
      const run = runs.get(name)
      assert.ok(run)
      assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
      const certificate = certificateAt({ dataDir: story.dataDir, certificate: run.certificate ?? '' })
      assert.equal(certificate.layout.space, space)
      const { faults, records, ranges } = await verdictOn(story.stack.world, run, false, () => {})
      assert.deepEqual([faults, records], [[], recordsEach])
      assert.equal(ranges > 1, space !== 'whole')
    })
  }

  it('objects, laid end to end', async () => {
    const run = await loaded()
    assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
    const { faults, records, ranges } = await verdictOn(story.stack.world, run, false, () => {})
    assert.deepEqual([faults, records], [[], 2 * recordsEach])
    assert.ok(ranges > 1)
    await story.stack.world.objects.write({ bucket: 'drops', key: 'loose/b.csv' }, Buffer.from('id,name\n'))
    const changed = await verdictOn(story.stack.world, run, false, () => {})
    assert.deepEqual(
      changed.faults.map(({ code }) => code),
      ['SOURCE_CHANGED'],
    )
  })

  it('pieces, and yet not where a bound between two ranges is certified elsewhere', async () => {
    const run = runs.get('serial')
    assert.ok(run)
    const ref = { bucket: 'output', key: run.certificate ?? '' }
    const certificate = certificateAt({ dataDir: story.dataDir, certificate: ref.key })
    const [one, two] = certificate.partitions
    assert.ok(one?.range && two?.range)
    one.range[1]++
    two.range[0]++
    await story.stack.world.objects.write(ref, Buffer.from(JSON.stringify(certificate)))
    const { faults } = await verdictOn(story.stack.world, run, false, () => {})
    const reread = faults.filter(({ code }) => code === 'RANGE_DIFFERS')
    assert.deepEqual(
      reread.map(({ where }) => where),
      ['partition 0'],
    )
  })
})
