/** Many objects become one run on a real stack: a burst of drops, and a list of what is there. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { runIdOf } from '../../shared/plan.ts'
import { recordKeys } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { certificateAt, publishedRows } from './published.ts'
import { drop, ended, givenUp, openStory, runsOf, type Story, until } from './story.ts'

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
