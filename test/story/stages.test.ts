/** Files that go through more than one stage, on real processes: split first, merged last, or refused on the way. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { stateKeys } from '../../shared/documents.ts'
import { isOpen } from '../../shared/lifecycle.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { certificateAt, publishedRows } from './published.ts'
import { dropped, givenUp, openStory, type Story, told } from './story.ts'

const shared = { job: { memoryMiB: 512 }, notify: { slack: '#files' } }
const columns = { id: 'INTEGER', text: 'VARCHAR' }
const pipelines = {
  'array.ts': {
    ...shared,
    name: 'array',
    source: { prefix: 'array/', format: 'json', path: 'data.items', columns },
    work: { sql: 'SELECT id, text FROM input ORDER BY id' },
    output: { prefix: 'array/', targetFileBytes: 1024 ** 2 },
    tolerate: { rejectedRecords: 1 },
  },
  'lines.ts': {
    ...shared,
    name: 'gzip',
    source: { prefix: 'gzip/', format: 'ndjson', columns },
    work: { sql: 'SELECT id, text FROM input' },
    output: { prefix: 'gzip/' },
  },
}
const records = Array.from({ length: 6000 }, (_, id) => ({ id, text: `text ${(id * 7919) % 6007}` }))
const rows = records.map(({ id, text }) => [id, text])

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

async function piecesOf(runId: string): Promise<unknown[]> {
  const { world } = story.stack
  return (await world.objects.list(world.config.buckets.state, stateKeys.piecesPrefix(runId))).objects
}

describe('A JSON document', { concurrency: true }, () => {
  const text = JSON.stringify({ made: 'today', data: { items: [...records, 'no object'] } }, null, 2)

  it('that is large is split, worked in parallel, and merged into one file, in order', async () => {
    const run = await dropped(story, 'array/large.json', text, { partitionBytes: 120_000 })
    assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
    assert.deepEqual([run.round, run.partitions], [3, Math.ceil(Buffer.byteLength(text) / 120_000)])
    const place = { dataDir: story.dataDir, certificate: run.certificate ?? '' }
    assert.deepEqual(await publishedRows(place), rows)
    const certificate = certificateAt(place)
    assert.deepEqual([certificate.recordsRejected, certificate.merges?.length], [1, 1])
    assert.deepEqual(await piecesOf(run.runId), [])
  })

  it('that is small is taken by one partition', async () => {
    const run = await dropped(story, 'array/small.json', text)
    assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
    assert.deepEqual([run.round, run.partitions], [1, 1])
    const place = { dataDir: story.dataDir, certificate: run.certificate ?? '' }
    assert.deepEqual(await publishedRows(place), rows)
  })
})

describe('A gzip file of one member', { concurrency: true }, () => {
  const gzip = gzipSync(records.map(record => `${JSON.stringify(record)}\n`).join(''))

  it('that is large is split and worked in parallel', async () => {
    const run = await dropped(story, 'gzip/a.gz', gzip, { partitionBytes: 30_000 })
    assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
    assert.ok(run.round === 2 && run.partitions > 5, `${run.round} rounds, ${run.partitions} partitions`)
    const place = { dataDir: story.dataDir, certificate: run.certificate ?? '' }
    assert.deepEqual(await publishedRows(place), rows)
  })

  it('that is cut off is REFUSED once it is read: people are told, nothing stays', async () => {
    const run = await dropped(story, 'gzip/cut.gz', gzip.subarray(0, -100), { partitionBytes: 30_000 })
    assert.equal(run.state, RunState.REFUSED)
    assert.equal(isOpen(run.state), false)
    assert.equal(run.failure?.code, 'STREAM_TRUNCATED')
    assert.match(run.failure?.remedy ?? '', /Upload the file again/)
    assert.equal(told(story, run.runId).length, 1)
    assert.deepEqual(await piecesOf(run.runId), [])
  })
})
