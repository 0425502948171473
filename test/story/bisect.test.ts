/** A file with records that break the SQL, through the real stack: parked, the rest published, and all of it proven. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { verdictOn } from '../../cli/verify.ts'
import type { RunRecord } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { dropped, openStory, type Story } from './story.ts'

const breaking = {
  name: 'breaking',
  source: { prefix: 'breaking/', format: 'csv', columns: { id: 'INTEGER', root: 'INTEGER' } },
  work: { sql: 'SELECT id, sqrt(root) AS root FROM input' },
  output: { prefix: 'breaking/' },
  tolerate: { rejectedRecords: 3 },
  job: { memoryMiB: 512 },
}
const killing = {
  name: 'killing',
  source: { prefix: 'killing/', format: 'ndjson', columns: { id: 'INTEGER', doc: 'VARCHAR' } },
  work: { sql: 'SELECT id, json_structure(doc)::VARCHAR AS shape FROM input' },
  output: { prefix: 'killing/' },
  retry: { attempts: 1, backoffSeconds: 0 },
  tolerate: { rejectedRecords: 1 },
  job: { memoryMiB: 512 },
}
/** DuckDB's own stack ends in it. */
const deadly = '['.repeat(200_000) + ']'.repeat(200_000)

let story: Story

before(async () => {
  story = await openStory({ 'breaking.ts': breaking, 'killing.ts': killing })
})
after(() => story?.close())

async function proven(run: RunRecord): Promise<void> {
  const failure = run.failure ? JSON.stringify(run.failure) : run.state
  assert.equal(run.state, RunState.SUCCEEDED, failure)
  const { faults } = await verdictOn(story.stack.world, run, false, () => {})
  assert.deepEqual(faults, [])
}

describe('A file with records that break the SQL', () => {
  it('is loaded without them, and its certificate is proven', async () => {
    const root = (id: number) => (id === 7 || id === 40 ? -1 : id === 20 ? 'none' : id)
    const rows = Array.from({ length: 60 }, (_, id) => `${id},${root(id)}\n`)
    const run = await dropped(story, 'breaking/a.csv', `id,root\n${rows.join('')}`, { partitionBytes: 100 })
    await proven(run)
    assert.deepEqual(run.totals, { recordsRead: 60, recordsWritten: 57, recordsRejected: 3 })
  })

  it('is loaded without one that kills the worker, once the attempts are used up', async () => {
    const rows = Array.from({ length: 8 }, (_, id) => JSON.stringify({ id, doc: id === 5 ? deadly : '[1]' }))
    const run = await dropped(story, 'killing/a.ndjson', `${rows.join('\n')}\n`)
    await proven(run)
    assert.deepEqual(run.totals, { recordsRead: 8, recordsWritten: 7, recordsRejected: 1 })
    assert.equal(run.round, 2)
  })
})
