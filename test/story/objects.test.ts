/** Many objects become one run on a real stack: a burst of drops, and a list of what is there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { verdictOn } from '../../cli/verify.ts'
import { runIdOf } from '../../shared/plan.ts'
import { recordKeys } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { certificateAt, publishedRows } from './published.ts'
import { drop, ended, givenUp, openStory, runsOf, type Story, tempDir, until } from './story.ts'

const pipelines = {
  'visits.ts': {
    name: 'visits',
    source: {
      prefix: 'visits/',
      format: 'csv',
      columns: { id: 'INTEGER', page: 'VARCHAR' },
      group: { seconds: 2 },
      metadata: true,
    },
    split: { partitionBytes: 4000 },
    work: { sql: 'SELECT id, page, _filename, _byte_offset FROM input' },
    output: { prefix: 'visits/' },
    job: { memoryMiB: 512 },
    notify: { slack: '#files' },
  },
  'sales.ts': {
    name: 'sales',
    source: { prefix: 'sales/', format: 'parquet', metadata: true },
    split: { partitionBytes: 60_000 },
    work: { sql: 'SELECT * FROM input' },
    output: { prefix: 'sales/' },
    job: { memoryMiB: 512 },
    notify: { slack: '#files' },
  },
}

let story: Story

before(async () => {
  story = await openStory(pipelines)
})

after(async () => {
  try {
    assert.deepEqual(givenUp(story), [])
  } finally {
    await story.close()
  }
})

/** Of two ids, their columns in either order. */
function visits(at: number): string {
  const rows = [at * 2, at * 2 + 1]
  return at % 2 === 0
    ? `id,page\n${rows.map(id => `${id},"page\n${id}"\n`).join('')}`
    : `page,id\n${rows.map(id => `"page\n${id}",${id}\n`).join('')}`
}

async function rowsOf(runId: string, certificate: string | undefined): Promise<unknown[][]> {
  assert.ok(certificate, `run ${runId} has a certificate`)
  const place = { dataDir: story.dataDir, certificate }
  const { dataEnd, partitions } = certificateAt(place)
  assert.equal(partitions.at(-1)?.range?.[1], dataEnd)
  return publishedRows(place)
}

const expected = (objects: number): unknown[][] =>
  Array.from({ length: objects * 2 }, (_, id) => [id, `page\n${id}`])
const columns = (rows: unknown[][]): unknown[][] =>
  rows.map(([id, page]) => [id, page]).toSorted(([a], [b]) => Number(a) - Number(b))

const name = (at: number): string => `visits/${String(at).padStart(2, '0')}.csv${at % 5 === 0 ? '.gz' : ''}`
const content = (at: number): Buffer => (at % 5 === 0 ? gzipSync(visits(at)) : Buffer.from(visits(at)))

describe('forty small files, every fifth of them compressed', () => {
  it('dropped in a burst are published together, each row once, with the name of its file', async () => {
    const drops = await Promise.all(Array.from({ length: 40 }, (_, at) => drop(story, name(at), content(at))))
    const owners = await until('the run of every drop', async () => {
      const refs = drops.map(one => recordKeys.source({ bucket: 'drops', key: one.key }, one.version))
      const entries = await Promise.all(refs.map(key => story.stack.world.records.get(key)))
      return entries.every(entry => entry !== undefined)
        ? new Set(entries.map(entry => String(entry?.runId)))
        : undefined
    })
    const rows: unknown[][] = []
    for (const runId of owners) {
      const run = await until(`run ${runId}`, async () =>
        (await runsOf(story, 'visits')).find(one => one.runId === runId),
      )
      const { state, certificate } = await ended(story, run.runId)
      assert.equal(state, RunState.SUCCEEDED)
      rows.push(...(await rowsOf(runId, certificate)))
    }
    assert.ok(owners.size < 10, `${owners.size} runs for 40 files`)
    assert.deepEqual(columns(rows), expected(40))
    const [, , filename, offset] = rows.find(([id]) => id === 8) ?? []
    assert.deepEqual([filename, String(offset)], [name(4), '8'])
  })

  it('are loaded again, as one run, from a manifest of their prefix', async () => {
    const ref = { bucket: 'drops', key: '_manifests/visits/again.json' }
    const body = JSON.stringify({ prefix: 'visits/', exclude: ['**/3*'] })
    const { version = '' } = await story.stack.world.objects.write(ref, Buffer.from(body))
    const runId = runIdOf('visits', ref, version)
    const run = await ended(story, runId)
    assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
    const all = columns(await rowsOf(runId, run.certificate))
    assert.deepEqual(
      all,
      expected(40).filter(([id]) => Number(id) < 60 || Number(id) >= 80),
    )
  })
})

/** As a job of Spark leaves them: parts of one table, and a marker that is empty. */
async function writtenParts(parts: number): Promise<{ contents: Buffer[]; rows: unknown[][] }> {
  const { dir, remove } = tempDir()
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const contents: Buffer[] = []
    for (let at = 0; at < parts; at++) {
      const columns = at % 2 === 0 ? 'id, price, day, lines' : 'lines, day, id, price'
      await connection.run(`COPY (SELECT ${columns} FROM (
        SELECT i AS id, (i / 8)::DECIMAL(12,3) AS price, DATE '2024-01-01' + (i % 300)::INTEGER AS day,
          [{sku: md5(i::VARCHAR), n: i}] AS lines FROM range(${at * 400}, ${at * 400 + 400}) r(i)
      )) TO '${dir}/${at}.parquet' (FORMAT parquet, COMPRESSION zstd)`)
      contents.push(readFileSync(`${dir}/${at}.parquet`))
    }
    const all = `SELECT id, price, day, lines FROM read_parquet('${dir}/*.parquet', union_by_name = true) ORDER BY id`
    return { contents, rows: (await connection.runAndReadAll(all)).getRowsJson() }
  } finally {
    connection.closeSync()
    instance.closeSync()
    remove()
  }
}

describe('a prefix of Parquet files', () => {
  it('is loaded as one run, in several partitions, and matches its certificate', async () => {
    const { objects } = story.stack.world
    const { contents, rows } = await writtenParts(12)
    await objects.write({ bucket: 'drops', key: 'history/_SUCCESS' }, Buffer.alloc(0))
    for (const [at, body] of contents.entries()) {
      await objects.write(
        { bucket: 'drops', key: `history/part-${String(at).padStart(5, '0')}.parquet` },
        body,
      )
    }
    const ref = { bucket: 'drops', key: '_manifests/sales/history.json' }
    const { version = '' } = await objects.write(ref, Buffer.from('{"prefix":"history/"}'))
    const runId = runIdOf('sales', ref, version)
    const run = await ended(story, runId)
    assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
    assert.ok(run.partitions > 2, `${run.partitions} partitions`)
    const bytes = contents.reduce((sum, { length }) => sum + length, 0)
    assert.deepEqual(run.objects, { count: 13, bytes })
    const published = await rowsOf(runId, run.certificate)
    assert.deepEqual(
      published.map(row => row.slice(0, 4)),
      rows,
    )
    assert.equal(published.at(-1)?.[4], 'history/part-00011.parquet')
    const { faults, records } = await verdictOn(story.stack.world, run, false, () => {})
    assert.deepEqual([faults, records], [[], rows.length])
  })
})
