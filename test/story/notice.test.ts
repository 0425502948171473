/** Real worker processes whose machine is about to go: what they have read is kept, and the rest is gone on with. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { partition as takeDrop } from '../../functions/partition.ts'
import { objectCreated } from '../../local/events/envelope.ts'
import { type LocalWorld, openLocalWorld } from '../../local/world.ts'
import { asEnvironment, environment, localConfig } from '../../shared/config.ts'
import { stateKeys } from '../../shared/documents.ts'
import { pipelineSet } from '../../shared/pipelines.ts'
import { runIdOf } from '../../shared/plan.ts'
import { fromItem, type PartitionRecord, recordKeys } from '../../shared/records.ts'
import { PartitionState, RunState } from '../../shared/vocabulary.ts'
import { fetchJson } from '../../worker/assignment.ts'
import { provenCertificate, publishedRows } from './published.ts'
import { drop, ended, openStory, partitionOf, type Story, tempDir, until } from './story.ts'

const plain = {
  name: 'plain',
  source: { prefix: 'plain/', format: 'csv' },
  work: { sql: 'SELECT * FROM input' },
  output: { prefix: 'plain/' },
  job: { memoryMiB: 512 },
}
const records = 60_000
const row = (at: number): string => `${at},"quoted ${at}, ${'x'.repeat(20)}"\n`
const text = Buffer.from(`id,name\n${Array.from({ length: records }, (_, at) => row(at)).join('')}`)
const halfway = pathToFileURL(path.join(import.meta.dirname, 'fixtures', 'halfway.mjs')).href
const program = path.resolve(import.meta.dirname, '../../worker/main.ts')

/** An instance that is to go. */
async function goingMachine(): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const isToken = request.method === 'PUT' && request.url === '/latest/api/token'
    const knows = request.headers['x-aws-ec2-metadata-token'] === 'the token'
    const told = isToken || (knows && request.url === '/latest/meta-data/spot/instance-action')
    response.writeHead(told ? 200 : 401).end(isToken ? 'the token' : '{"action":"terminate"}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

describe('A worker process in mid-read', () => {
  let world: LocalWorld
  let runId: string
  let place: { dir: string; remove: () => void }
  let machine: Awaited<ReturnType<typeof goingMachine>>

  beforeEach(async () => {
    place = tempDir()
    machine = await goingMachine()
    const pipelines = pipelineSet({ 'plain.ts': plain })
    world = await openLocalWorld(localConfig(path.join(place.dir, 'data'), place.dir), { pipelines })
    const ref = { bucket: world.config.buckets.drops, key: 'plain/file.csv' }
    const { version = '', bytes, etag } = await world.objects.write(ref, text)
    await takeDrop(world, objectCreated({ ...ref, version, bytes, etag, sequencer: version }, 0))
    runId = runIdOf('plain', ref, version)
  })

  afterEach(() => {
    machine.server.close()
    world.close()
    place.remove()
  })

  /** One attempt to its end. */
  async function attempt(round: number, over: Record<string, string> = {}, atHalfway = (_: number) => {}) {
    const env = {
      ...asEnvironment(world.config),
      PATH: environment().PATH ?? '',
      MILLRACE_RUN_ID: runId,
      MILLRACE_ROUND: String(round),
      MILLRACE_CHUNK: '0',
      AWS_BATCH_JOB_ID: 'job',
      MILLRACE_MEMORY_MIB: '512',
      MILLRACE_SCRATCH: path.join(place.dir, 'scratch'),
      ...over,
    }
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const exit = once(child, 'close')
    const messages: unknown[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      const { message } = JSON.parse(line) as { message: unknown }
      messages.push(message)
      if (message === 'halfway') atHalfway(child.pid ?? 0)
    }
    return { exit: await exit, messages }
  }

  async function recordOf(partition: number): Promise<PartitionRecord | undefined> {
    const item = await world.records.get(recordKeys.partition(runId, partition))
    return item && fromItem<PartitionRecord>(item)
  }

  for (const [what, over, atHalfway] of [
    ['a Spot notice', () => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: machine.url }), () => {}],
    [
      'SIGTERM',
      () => ({ AWS_EC2_METADATA_DISABLED: 'true' }),
      (pid: number) => void process.kill(pid, 'SIGTERM'),
    ],
  ] as const) {
    it(`that gets ${what} keeps what it has read, and leaves the rest to the next attempt`, async () => {
      const first = await attempt(1, { ...over(), NODE_OPTIONS: `--import=${halfway}` }, atHalfway)
      assert.deepEqual(first.exit, [0, null], JSON.stringify(first.messages))
      const { state, report } = (await recordOf(0)) ?? {}
      assert.equal(state, PartitionState.SUCCEEDED)
      const { rest, range } = report ?? {}
      assert.ok(rest && range && rest.at > 1e6 && rest.at < text.length, JSON.stringify(rest))
      assert.deepEqual([range.end, rest.why], [rest.at, 'notice'])
      assert.equal(text.toString('latin1', rest.at - 1, rest.at), '\n')

      const state2 = world.config.buckets.state
      const assignments = [{ partition: 1, start: rest.at, exactStart: rest.at, end: text.length }]
      const page = Buffer.from(JSON.stringify({ round: 2, page: 0, assignments }))
      await world.objects.write({ bucket: state2, key: stateKeys.assignments(runId, 2, 0) }, page)
      const second = await attempt(2, { AWS_EC2_METADATA_DISABLED: 'true' })
      assert.deepEqual(second.exit, [0, null])
      const other = (await recordOf(1))?.report
      assert.deepEqual(other?.range, { start: rest.at, end: text.length })
      assert.equal((report?.recordsWritten ?? 0) + (other?.recordsWritten ?? 0), records)
      assert.equal(report?.outputs.length, 1)
    })
  }
})

describe('A run whose worker is told that its instance is taken back', () => {
  let story: Story

  before(async () => {
    story = await openStory({ 'plain.ts': plain })
  })

  after(() => story.close())

  it('keeps what was read, works the rest as a partition of its own, and reads no byte of it twice', async () => {
    const { batch, world } = story.stack
    await batch.interfere({ jobNamePattern: '*', environment: { NODE_OPTIONS: `--import=${halfway}` } })
    const { runId } = await drop(story, 'plain/file.csv', text)
    const jobId = await until('a worker under way', async () => (await partitionOf(story, runId, 0))?.jobId)
    assert.equal(await batch.reclaim(jobId, { noticeMs: 60_000 }), true)
    const run = await ended(story, runId)
    assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
    assert.deepEqual([run.partitions, run.round], [2, 2])
    const first = await partitionOf(story, runId, 0)
    const second = await partitionOf(story, runId, 1)
    assert.deepEqual([first?.fence, first?.report?.rest?.why], [1, 'notice'])
    assert.equal(first?.report?.range?.end, second?.report?.range?.start)
    const page = await fetchJson<{ resplits: unknown[] }>(
      world.objects,
      world.config.buckets.state,
      stateKeys.resplits(runId, 2),
    )
    assert.equal(page.resplits.length, 1)
    const place = { dataDir: story.dataDir, certificate: run.certificate ?? '' }
    const { recordsWritten } = await provenCertificate(place, text)
    assert.equal(recordsWritten, records)
    assert.equal((await publishedRows(place, 'DISTINCT id')).length, records)
  })
})
