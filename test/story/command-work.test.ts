/** Files worked by programs of the user's, on real processes, from the drop to the proof. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { verdictOn } from '../../cli/verify.ts'
import { stateKeys } from '../../shared/documents.ts'
import type { RunRecord } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { certificateAt, publishedRows } from './published.ts'
import { dropped, openStory, partitionOf, type Story } from './story.ts'

const shared = { job: { memoryMiB: 512 }, retry: { backoffSeconds: 0 } }
const columns = { id: 'VARCHAR', name: 'VARCHAR' }

/** Drops `boring`, and cannot take `poison`. */
const picky = `given=$(cat); case "$given" in *poison*) echo cannot take it >&2; exit 65;; esac
  printf '%s\\n' "$given" | grep -v boring || true`
/** Is busy at first, then counts lines. */
const again = `seen=$MILLRACE_CHECKPOINT_DIR/seen; if ! [ -e "$seen" ]; then touch "$seen"; exit 75; fi
  echo '{"id": "'$(grep -c .)'"}'`

const source = { format: 'csv' }
const pipelines = {
  'picky.ts': {
    ...shared,
    name: 'picky',
    source: { ...source, prefix: 'picky/' },
    work: { command: ['sh', '-c', picky], columns },
    output: { prefix: 'picky/' },
    tolerate: { rejectedRecords: 2 },
  },
  'again.ts': {
    ...shared,
    name: 'again',
    source: { ...source, prefix: 'again/', columns: { id: 'INTEGER', name: 'VARCHAR' } },
    work: { command: ['sh', '-c', again], input: 'raw', columns },
    output: { prefix: 'again/', format: 'ndjson' },
  },
}

let story: Story

before(async () => {
  story = await openStory(pipelines)
})
after(() => story?.close())

async function proven(run: RunRecord): Promise<void> {
  assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
  const { faults } = await verdictOn(story.stack.world, run, false, () => {})
  assert.deepEqual(faults, [])
}

describe('A file worked by a command', { concurrency: true }, () => {
  it('is published without the records that it drops, and those that it cannot take are parked', async () => {
    const names = Array.from({ length: 60 }, (_, id) =>
      id === 41 ? 'poison' : id % 3 === 0 ? 'boring' : 'fine',
    )
    const text = `id,name\n${names.map((name, id) => `${id},${name}\n`).join('')}`
    const run = await dropped(story, 'picky/a.csv', text, { partitionBytes: 150 })
    await proven(run)
    const place = { dataDir: story.dataDir, certificate: run.certificate ?? '' }
    const fine = names.flatMap((name, id) => (name === 'fine' ? [[String(id), name]] : []))
    assert.deepEqual(await publishedRows(place), fine)
    assert.deepEqual([run.totals?.recordsRead, run.totals?.recordsRejected], [60, 1])
    assert.ok(certificateAt(place).partitions.length > 2)
  })

  it('is tried again with what its first attempt has kept', async () => {
    const run = await dropped(story, 'again/a.csv', 'id,name\n1,fine\nx,held against no type\n')
    await proven(run)
    assert.equal(run.round, 2)
    const { failures = [], report } = (await partitionOf(story, run.runId, 0)) ?? {}
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['TEMPORARY'],
    )
    assert.equal(report?.recordsRead, 2)
    const { world } = story.stack
    const kept = await world.objects.list(world.config.buckets.state, stateKeys.checkpoints(run.runId, 0))
    assert.deepEqual(kept.objects, [])
  })
})
