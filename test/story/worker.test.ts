/** Real worker processes: stopped in mid-work, reclaimed under a run, and held to their memory. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { partition as takeDrop } from '../../functions/partition.ts'
import { logStreamName } from '../../local/batch/names.ts'
import { objectCreated } from '../../local/events/envelope.ts'
import { type LocalWorld, openLocalWorld } from '../../local/world.ts'
import { asEnvironment, environment, localConfig } from '../../shared/config.ts'
import { exitCodes } from '../../shared/failure.ts'
import { pipelineSet } from '../../shared/pipelines.ts'
import { runIdOf } from '../../shared/plan.ts'
import { fromItem, type PartitionRecord, recordKeys } from '../../shared/records.ts'
import { PartitionState, RunState } from '../../shared/vocabulary.ts'
import { provenCertificate, publishedRows } from './published.ts'
import { drop, dropped, ended, openStory, partitionOf, type Story, tempDir, until } from './story.ts'

/** Seconds of one core: long enough to be met at it, on however fast a machine. */
const slowSql = 'SELECT *, (SELECT bit_xor(hash(i)) FROM range(1500000000) r(i)) AS slow FROM input'
const job = { memoryMiB: 512 }
const slow = {
  name: 'slow',
  source: { prefix: 'slow/', format: 'csv' },
  work: { sql: slowSql },
  output: { prefix: 'slow/' },
  job,
}
const columns = {
  date: 'TIMESTAMP',
  delay: 'INTEGER',
  distance: 'INTEGER',
  origin: 'VARCHAR',
  destination: 'VARCHAR',
}
const narrow = {
  ...slow,
  name: 'narrow',
  source: { prefix: 'narrow/', format: 'csv', columns },
  work: { sql: 'SELECT *, delay > 15 AS late FROM input' },
  output: { prefix: 'narrow/' },
}
const wordy = {
  ...narrow,
  name: 'wordy',
  source: { prefix: 'wordy/', format: 'ndjson', columns: { id: 'INTEGER', name: 'VARCHAR', v: 'DOUBLE' } },
  work: { sql: 'SELECT * FROM input' },
  output: { prefix: 'wordy/' },
  job: { memoryMiB: 1024 },
}
const text = 'id,name\n1,one\n2,two\n3,three\n4,four\n'

/** The objects of the run in the output, as they lie on disk. */
function outputsOf(dataDir: string, runId: string): string[] {
  const folder = path.join(dataDir, 'objects', 'output')
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    name => name.includes(`run=${runId}`) && name.endsWith('.parquet'),
  )
}

type Line = Record<string, unknown>

const parsed = (line: string): Line => JSON.parse(line) as Line

describe('A worker process that is asked to stop', () => {
  let world: LocalWorld
  let runId: string
  let place: { dir: string; remove: () => void }
  let started: ChildProcess[]

  beforeEach(async () => {
    place = tempDir()
    started = []
    const pipelines = pipelineSet({ 'slow.ts': slow })
    world = await openLocalWorld(localConfig(path.join(place.dir, 'data'), place.dir), { pipelines })
    const ref = { bucket: world.config.buckets.drops, key: 'slow/file.csv' }
    const { version = '', bytes, etag } = await world.objects.write(ref, Buffer.from(text))
    await takeDrop(world, objectCreated({ ...ref, version, bytes, etag, sequencer: version }, 0))
    runId = runIdOf('slow', ref, version)
  })

  afterEach(() => {
    for (const child of started) child.kill('SIGKILL')
    world.close()
    place.remove()
  })

  /** One attempt to its end; `onLine` meets each line of its log as it comes. */
  async function attempt(number: number, onLine: (line: Line, child: ChildProcess) => void = () => {}) {
    const env = {
      ...asEnvironment(world.config),
      PATH: environment().PATH ?? '',
      MILLRACE_RUN_ID: runId,
      MILLRACE_ROUND: '1',
      MILLRACE_CHUNK: '0',
      AWS_BATCH_JOB_ID: 'job',
      AWS_BATCH_JOB_ATTEMPT: String(number),
      MILLRACE_MEMORY_MIB: '512',
      MILLRACE_SCRATCH: path.join(place.dir, 'scratch'),
    }
    const program = path.resolve(import.meta.dirname, '../../worker/main.ts')
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    started.push(child)
    const exit = new Promise<(number | string | null)[]>(resolve => {
      child.once('close', (code, signal) => resolve([code, signal]))
    })
    const log: Line[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      log.push(parsed(line))
      onLine(parsed(line), child)
    }
    return { exit: await exit, messages: log.map(({ message }) => message) }
  }

  async function record(): Promise<PartitionRecord | undefined> {
    const item = await world.records.get(recordKeys.partition(runId, 0))
    return item && fromItem<PartitionRecord>(item)
  }

  const scratch = (): string[] => readdirSync(path.join(place.dir, 'scratch'))

  it('with all of its partition read finishes it, and leaves nothing to others', async () => {
    const { exit, messages } = await attempt(1, ({ message }, child) => {
      if (message === 'read') child.kill('SIGTERM')
    })
    assert.deepEqual(exit, [exitCodes.done, null])
    assert.equal(messages.at(-1), 'finished')
    const { state, fence, report } = (await record()) ?? {}
    assert.deepEqual(
      [state, fence, report?.recordsWritten, report?.rest],
      [PartitionState.SUCCEEDED, 1, 4, undefined],
    )
    assert.equal(outputsOf(world.config.dataDir, runId).length, 1)
    assert.deepEqual(scratch(), [])
  })

  it('twice ends at once, and leaves the partition to the next attempt', async () => {
    const { exit } = await attempt(1, ({ message }, child) => {
      // Two signals that are sent at once may be heard as one.
      if (message === 'read' || message === 'asked to leave off') child.kill('SIGTERM')
    })
    assert.deepEqual(exit, [exitCodes.terminated, null])
    const { state, fence, failures, report } = (await record()) ?? {}
    assert.deepEqual([state, fence, failures, report], [PartitionState.RUNNING, 1, undefined, undefined])
    assert.deepEqual(outputsOf(world.config.dataDir, runId), [])
    const second = await attempt(2)
    assert.deepEqual(second.exit, [exitCodes.done, null])
    const done = await record()
    assert.deepEqual([done?.state, done?.fence], [PartitionState.SUCCEEDED, 2])
    assert.deepEqual(
      done?.claims?.map(({ jobAttempt }) => jobAttempt),
      [1, 2],
    )
  })
})

const partitionBytesMin = 100e6
const flight = (at: number): string =>
  `2001-01-${String(1 + (at % 28)).padStart(2, '0')} 10:${String(at % 60).padStart(2, '0')}:00,${at % 300},${at % 2500},A${at % 97},B${at % 89}\n`
const words = (at: number): string =>
  `{"id":${at},"name":"${`${(at * 2654435761) % 4294967296} `.repeat(8)}","v":${at / 7}}\n`

function fileOf(header: string, line: (at: number) => string): Buffer {
  const parts = [Buffer.from(header)]
  for (let at = 0, bytes = 0; bytes < partitionBytesMin; ) {
    const lines = Array.from({ length: 50_000 }, () => line(at++)).join('')
    parts.push(Buffer.from(lines))
    bytes += lines.length
  }
  return Buffer.concat(parts)
}

describe('A worker under a run', () => {
  let story: Story

  before(async () => {
    story = await openStory({ 'slow.ts': slow, 'narrow.ts': narrow, 'wordy.ts': wordy })
  })

  after(() => story.close())

  function logOf(jobId: string, attempt: number): Line[] {
    const file = path.join(story.dataDir, 'logs', logStreamName(jobId, attempt))
    if (!existsSync(file)) return []
    return readFileSync(file, 'utf8').split('\n').slice(0, -1).map(parsed)
  }

  for (const [noticeMs, how, lastMessage, fence] of [
    [60_000, 'with notice finishes what it has read', 'finished', 1],
    [0, 'without notice is worked anew by its next attempt', 'read', 2],
  ] as const) {
    it(`whose instance is taken back ${how}, and the run is complete`, async () => {
      const key = `slow/file-${noticeMs}.csv`
      const { runId, bytes } = await drop(story, key, text, { partitionBytes: 18 })
      const child = await until('a child in mid-work', async () => {
        const { jobId = '' } = (await partitionOf(story, runId, 1)) ?? {}
        return logOf(jobId, 1).some(({ message }) => message === 'read') ? jobId : undefined
      })
      assert.equal(await story.stack.batch.reclaim(child, { noticeMs }), true)
      const run = await ended(story, runId)
      assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
      const messages = logOf(child, 1).map(({ message }) => message)
      assert.equal(
        messages.findLast(message => message !== 'asked to leave off'),
        lastMessage,
      )
      const record = await partitionOf(story, runId, 1)
      assert.deepEqual([record?.fence, record?.failures], [fence, undefined])
      assert.equal(run.round, 1, 'it cost no round')
      const place = { dataDir: story.dataDir, certificate: run.certificate ?? '' }
      await provenCertificate(place, Buffer.from(text))
      assert.equal(bytes, text.length)
      assert.equal(outputsOf(story.dataDir, runId).length, 2)
      assert.deepEqual(await publishedRows(place, 'id, name'), [
        ['1', 'one'],
        ['2', 'two'],
        ['3', 'three'],
        ['4', 'four'],
      ])
    })
  }

  for (const [name, memoryMiB, header, line] of [
    ['narrow', job.memoryMiB, 'date,delay,distance,origin,destination\n', flight],
    ['wordy', wordy.job.memoryMiB, '', words],
  ] as const) {
    it(`keeps within ${memoryMiB} MiB on one partition of 100 MB (${name})`, async () => {
      const content = fileOf(header, line)
      const run = await dropped(story, `${name}/file`, content)
      assert.deepEqual([run.state, run.partitions], [RunState.SUCCEEDED, 1], JSON.stringify(run.failure))
      const { jobId = '' } = (await partitionOf(story, run.runId, 0)) ?? {}
      const finished = logOf(jobId, 1).at(-1)
      assert.equal(finished?.message, 'finished')
      const peakRssMiB = Number(finished?.peakRssMiB)
      assert.ok(peakRssMiB > 50 && peakRssMiB < memoryMiB, `${peakRssMiB} MiB`)
    })
  }
})
