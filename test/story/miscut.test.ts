/** Guesses that are wrong on purpose: what a neighbour disproves is worked again, and nothing else is lost by it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { PartitionState, RunState } from '../../shared/vocabulary.ts'
import { csvRows, provenCertificate, publishedRows } from './published.ts'
import { dropped, openStory, partitionOf, type Story } from './story.ts'

const pipeline = {
  name: 'misleading',
  source: { prefix: 'misleading/', format: 'csv', columns: { id: 'INTEGER', note: 'VARCHAR' } },
  work: { sql: 'FROM input' },
  output: { prefix: 'misleading/' },
}

describe('A quoted field that is a whole file of records', () => {
  let story: Story
  before(async () => {
    story = await openStory({ 'misleading.ts': pipeline })
  })
  after(() => story.close())

  it('misleads the guess of where records start, and is published exactly all the same', async () => {
    const fake = Array.from({ length: 9000 }, (_, at) => `${at},fake record\n`).join('')
    const records = Array.from({ length: 40 }, (_, at) => (at % 13 === 5 ? `${at},"${fake}"` : `${at},plain`))
    const source = Buffer.from(`id,note\n${records.join('\n')}\n`)
    const run = await dropped(story, 'misleading/file.csv', source, { partitionBytes: 70_000 })
    assert.equal(run.state, RunState.SUCCEEDED, run.failure?.words)
    assert.ok(run.round > 1, 'the guesses were all right: the file does not mislead')
    const place = { dataDir: story.dataDir, certificate: run.certificate ?? '' }
    const certificate = await provenCertificate(place, source)
    assert.deepEqual(await publishedRows(place, 'id::VARCHAR, note'), csvRows(source))
    const [first, ...others] = certificate.partitions
    assert.deepEqual(first?.failures, [])
    assert.ok(others.some(({ failures }) => failures.some(({ code }) => code === 'MISCUT')))
    const record = await partitionOf(story, run.runId, 0)
    assert.deepEqual([record?.state, record?.claims?.length], [PartitionState.SUCCEEDED, 1])
  })
})
