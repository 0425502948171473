/** Every format on a real stack: the published table is what another reader sees in the file, and verify agrees. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { verdictOn } from '../../cli/verify.ts'
import { stateKeys } from '../../shared/documents.ts'
import { runIdOf } from '../../shared/plan.ts'
import type { RunRecord } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { type Kind, kinds, ndjson, rows } from './format-files.ts'
import { certificateAt, publishedRows } from './published.ts'
import { refusals } from './refused-files.ts'
import { dropped, ended, givenUp, openStory, type Story, told } from './story.ts'

const pipelineOf = (name: string, { source, sql, output }: Pick<Kind, 'source' | 'sql' | 'output'>) => ({
  name,
  source: { prefix: `${name}/`, ...source },
  work: {
    sql: sql ?? (/json/.test(String(source.format)) ? 'SELECT id, text FROM input' : 'SELECT * FROM input'),
  },
  output: { prefix: `${name}/`, ...output },
  job: { memoryMiB: 512 },
  notify: { slack: '#files' },
})

const refusedPipelines = Object.entries(refusals).map(([what, { source }], at) => {
  const name = `refused-${at}`
  return {
    what,
    name,
    pipeline: pipelineOf(name, { source, sql: 'SELECT * FROM input' }),
  }
})

let story: Story

before(async () => {
  const all = [
    ...Object.entries(kinds).map(([name, kind]) => pipelineOf(name, kind)),
    ...refusedPipelines.map(({ pipeline }) => pipeline),
  ]
  story = await openStory(Object.fromEntries(all.map(pipeline => [`${pipeline.name}.ts`, pipeline])))
})

after(async () => {
  try {
    assert.deepEqual(givenUp(story), [])
  } finally {
    await story.close()
  }
})

/** Published, and proven anew from the source. */
async function proven(run: RunRecord): Promise<unknown[][]> {
  assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
  assert.deepEqual(told(story, run.runId), [])
  const { faults } = await verdictOn(story.stack.world, run, false, () => {})
  assert.deepEqual(faults, [])
  return publishedRows({ dataDir: story.dataDir, certificate: run.certificate ?? '' })
}

const underBucket = async (bucket: 'output' | 'state', prefix: string): Promise<string[]> => {
  const { objects, config } = story.stack.world
  return (await objects.list(config.buckets[bucket], prefix)).objects.map(({ key }) => key)
}

describe('A file is published as another reader sees it', { concurrency: 4 }, () => {
  for (const [name, { content, space, partitionBytes, expected = rows }] of Object.entries(kinds)) {
    it(name, async () => {
      const options = partitionBytes === undefined ? {} : { partitionBytes }
      const run = await dropped(story, `${name}/a`, await content(), options)
      assert.deepEqual(await proven(run), expected)
      const certificate = certificateAt({ dataDir: story.dataDir, certificate: run.certificate ?? '' })
      assert.equal(certificate.layout.space, space)
      assert.equal(run.partitions > 1, partitionBytes !== undefined, `${run.partitions} partitions`)
      assert.equal(certificate.merges?.length, name === 'merged' ? 1 : undefined)
    })
  }

  it('of a list of plain and compressed ones, as one run', async () => {
    const { objects } = story.stack.world
    const forms = [Buffer.from(ndjson), gzipSync(ndjson), zstdCompressSync(ndjson)]
    const names = ['loose/a.ndjson', 'loose/b.ndjson.gz', 'loose/c.ndjson.zst']
    for (const [at, key] of names.entries()) {
      await objects.write({ bucket: 'drops', key }, forms[at] ?? Buffer.alloc(0))
    }
    const ref = { bucket: 'drops', key: '_manifests/frames/all.json' }
    const { version = '' } = await objects.write(ref, Buffer.from('{"prefix":"loose/"}'))
    const run = await ended(story, runIdOf('frames', ref, version))
    assert.deepEqual(await proven(run), [...rows, ...rows, ...rows])
  })
})

describe('A file is REFUSED with its place, the reason and a remedy, and leaves nothing behind:', {
  concurrency: 4,
}, () => {
  for (const { what, name } of refusedPipelines) {
    const { content, code, words, partitionBytes } = refusals[what] ?? assert.fail()
    it(what, async () => {
      const options = partitionBytes === undefined ? {} : { partitionBytes }
      const run = await dropped(story, `${name}/a`, content(), options)
      assert.deepEqual([run.state, run.failure?.code], [RunState.REFUSED, code], JSON.stringify(run.failure))
      assert.match(run.failure?.words ?? '', words)
      assert.ok((run.failure?.remedy?.length ?? 0) > 20, run.failure?.remedy)
      assert.equal(run.certificate, undefined)
      const [message, ...more] = told(story, run.runId)
      assert.deepEqual(more, [])
      assert.match(message?.text ?? '', new RegExp(`^${name}: .*refused`, 'i'))
      assert.deepEqual(await underBucket('output', `${name}/`), [])
      assert.deepEqual(await underBucket('state', stateKeys.piecesPrefix(run.runId)), [])
    })
  }
})
