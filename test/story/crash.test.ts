/** The whole stack is killed, as by a power cut, and goes on where it was. */
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, afterEach, beforeEach, describe, it } from 'node:test'
import { partition as takeDrop } from '../../functions/partition.ts'
import { objectCreated } from '../../local/events/envelope.ts'
import { loadPipelines } from '../../local/pipelines.ts'
import { openLocalRecords } from '../../local/records.ts'
import { openLocalWorld } from '../../local/world.ts'
import { systemClock } from '../../shared/clock.ts'
import { localConfig } from '../../shared/config.ts'
import { isOpen } from '../../shared/lifecycle.ts'
import { runIdOf } from '../../shared/plan.ts'
import { fromItem, type PartitionRecord, type RunRecord, recordKeys } from '../../shared/records.ts'
import { PartitionState, RoundState, RunState } from '../../shared/vocabulary.ts'
import { endAll, millrace, type Place, pipelinesDir, up } from './command.ts'
import { csvRows, provenCertificate, publishedRows } from './published.ts'
import { tempDir, until } from './story.ts'

const recordsInFile = 1200
const partitionsInFile = 12
const lines = Array.from({ length: recordsInFile }, (_, id) => `${id},name ${String(id).padStart(4, '0')}`)
const content = `id,name\n${lines.join('\n')}\n`
const partitionBytes = String(Math.ceil(content.length / partitionsInFile))

let place: Place
let dir: string
let file: string
let remove: () => void

beforeEach(() => {
  ;({ dir, remove } = tempDir())
  place = { dataDir: path.join(dir, 'data') }
  file = path.join(dir, 'people.csv')
  writeFileSync(file, content)
})

afterEach(async () => {
  await endAll()
  remove()
})

after(endAll)

/** What stands in the records, seen from outside. */
async function recorded(runId: string): Promise<{ run?: RunRecord; partitions: PartitionRecord[] }> {
  const records = openLocalRecords(path.join(place.dataDir, 'records.db'))
  try {
    const item = await records.get(recordKeys.run(runId))
    if (item === undefined) return { partitions: [] }
    const run = fromItem<RunRecord>(item)
    const keys = Array.from({ length: run.partitions }, (_, at) => recordKeys.partition(runId, at))
    const items = await Promise.all(keys.map(key => records.get(key)))
    return { run, partitions: items.flatMap(each => (each ? fromItem<PartitionRecord>(each) : [])) }
  } finally {
    records.close()
  }
}

function succeeded(partitions: PartitionRecord[]): PartitionRecord[] {
  return partitions.filter(({ state }) => state === PartitionState.SUCCEEDED)
}

async function newestRun(): Promise<RunRecord | undefined> {
  const records = openLocalRecords(path.join(place.dataDir, 'records.db'))
  try {
    const { items } = await records.query({ index: 'pipeline', pk: 'people', newestFirst: true })
    return items[0] && fromItem<RunRecord>(items[0])
  } finally {
    records.close()
  }
}

function endOf(runId: string): Promise<RunRecord> {
  return until(`the end of run ${runId}`, async () => {
    const { run } = await recorded(runId)
    return run && !isOpen(run.state) && run.told !== undefined ? run : undefined
  })
}

/** Every record exactly once, in the order of the file, under a certificate that holds. */
async function everyRecordOnce(run: RunRecord): Promise<void> {
  assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
  const published = { dataDir: place.dataDir, certificate: run.certificate ?? '' }
  await provenCertificate(published, Buffer.from(content))
  const rows = await publishedRows(published)
  assert.deepEqual(
    rows,
    csvRows(content).map(([id, name]) => [Number(id), name]),
  )
}

/** A run as `partition` leaves it, with no stack around. */
async function planned(): Promise<string> {
  const pipelines = await loadPipelines(pipelinesDir)
  const world = await openLocalWorld(localConfig(place.dataDir, pipelinesDir), { pipelines })
  try {
    const ref = { bucket: 'drops', key: 'people/people.csv' }
    const { version = '', bytes, etag } = await world.objects.write(ref, Buffer.from(content))
    await takeDrop(world, objectCreated({ ...ref, version, bytes, etag, sequencer: version }, 0))
    return runIdOf('people', ref, version)
  } finally {
    world.close()
  }
}

async function droppedFile(): Promise<string> {
  const said = await millrace(['drop', file, '--json', '--partition-bytes', partitionBytes], place)
  assert.equal(said.exitCode, 0, said.stderr)
  return (JSON.parse(said.stdout) as { runId: string }).runId
}

describe('A stack that is killed', () => {
  it('in mid-run finishes the run when it is up again, and works nothing twice that had succeeded', async () => {
    const first = await up(place)
    const runId = await droppedFile()
    await until('some partitions to succeed', async () =>
      succeeded((await recorded(runId)).partitions).length >= 3 ? true : undefined,
    )
    await first.kill()
    const { run, partitions } = await recorded(runId)
    const before = succeeded(partitions)
    assert.equal(run?.state, RunState.RUNNING)
    assert.ok(before.length >= 3 && before.length < partitionsInFile, `${before.length} had succeeded`)

    const second = await up(place)
    await everyRecordOnce(await endOf(runId))
    const now = new Map((await recorded(runId)).partitions.map(record => [record.partition, record]))
    assert.equal(now.size, partitionsInFile)
    for (const { partition, claims, fence } of before) {
      assert.deepEqual(now.get(partition)?.claims, claims, `partition ${partition} was worked again`)
      assert.equal(now.get(partition)?.fence, fence)
    }
    assert.equal(await second.stop(), 0)
  })

  it('again and again still finishes the run', async () => {
    let stack = await up(place)
    const runId = await droppedFile()
    for (const wanted of [1, 4, 7]) {
      await until(`${wanted} partitions to succeed`, async () =>
        succeeded((await recorded(runId)).partitions).length >= wanted ? true : undefined,
      )
      await stack.kill()
      stack = await up(place)
    }
    await everyRecordOnce(await endOf(runId))
    await stack.stop()
  })

  it('when nothing but the object was written gives the object its run when it is up again', async () => {
    const first = await up(place)
    // Stopped, it still holds its data folder but hears of nothing.
    first.signal('SIGSTOP')
    const runId = await droppedFile()
    assert.equal((await recorded(runId)).run, undefined)
    await first.kill()
    assert.equal((await recorded(runId)).run, undefined)
    const second = await up(place)
    await everyRecordOnce(await endOf(runId))
    await second.stop()
  })

  // Far less than the five minutes after which reconcile would find what was lost.
  it('while it submitted a round goes on with that at once when it is up again', {
    timeout: 60_000,
  }, async () => {
    await (await up(place)).kill()
    const runId = await planned()
    const records = openLocalRecords(path.join(place.dataDir, 'records.db'))
    const claimed = { set: { state: RoundState.SUBMITTING, claimedAt: systemClock.now() } }
    await records.update(recordKeys.round(runId, 1), claimed)
    records.close()
    const second = await up(place)
    await everyRecordOnce(await endOf(runId))
    await second.stop()
  })

  it('leaves a folder in which a new stack can start, and tells Slack of the run once', async () => {
    const first = await up(place)
    await first.kill()
    const second = await up(place)
    const runId = await droppedFile()
    await endOf(runId)
    await second.kill()
    const third = await up(place)
    await third.stop()
    const { stdout } = await millrace(['show', runId, '--json'], place)
    assert.equal((JSON.parse(stdout) as { status: string }).status, RunState.SUCCEEDED)
    const said = readFileSync(path.join(place.dataDir, 'slack.ndjson'), 'utf8').split('\n')
    assert.equal(said.filter(line => line.includes(runId)).length, 1)
  })
})

describe('A file', () => {
  it('copied by hand into the folder of drops while the stack is down gets its run when it comes up', async () => {
    const first = await up(place)
    await first.stop()
    const folder = path.join(place.dataDir, 'objects', 'drops', 'people')
    mkdirSync(folder, { recursive: true })
    copyFileSync(file, path.join(folder, 'by hand.csv'))
    const second = await up(place)
    const run = await until('its run', newestRun)
    assert.equal(run.source.key, 'people/by hand.csv')
    await everyRecordOnce(await endOf(run.runId))
    await second.stop()
  })
})

describe('One data folder', () => {
  it('cannot have two stacks: the second says which one is there and what to do', async () => {
    const first = await up(place)
    const second = await millrace(['up'], place)
    assert.equal(second.exitCode, 1)
    assert.match(second.stderr, new RegExp(`^error: .*process ${first.pid}.* is already running on `))
    assert.match(second.stderr, /remedy: .*--data/)
    assert.ok(existsSync(path.join(place.dataDir, 'stack.json')), 'the first one can still be found')
    assert.equal(await first.stop(), 0)
    assert.ok(!existsSync(path.join(place.dataDir, 'stack.json')))
  })

  it('can be dropped into by several at once while a stack is up', async () => {
    const stack = await up(place)
    const other = path.join(dir, 'other.csv')
    writeFileSync(other, content)
    const said = await Promise.all(
      [file, other].map(one => millrace(['drop', one, '--wait', '--json'], place)),
    )
    const reports = said.map(({ exitCode, stdout, stderr }) => {
      assert.equal(exitCode, 0, stderr)
      return JSON.parse(stdout) as { runId: string; recordsWritten: number }
    })
    assert.equal(new Set(reports.map(({ runId }) => runId)).size, 2)
    for (const { recordsWritten } of reports) assert.equal(recordsWritten, recordsInFile)
    await stack.stop()
  })

  it('can be dropped into by several at once while none is up: one starts it for all', async () => {
    const files = ['a', 'b', 'c'].map(name => path.join(dir, `${name}.csv`))
    for (const one of files) writeFileSync(one, content)
    const said = await Promise.all(files.map(one => millrace(['drop', one, '--wait', '--json'], place)))
    for (const { exitCode, stdout, stderr } of said) {
      assert.equal(exitCode, 0, stderr)
      assert.equal((JSON.parse(stdout) as { recordsWritten: number }).recordsWritten, recordsInFile)
    }
  })

  // Far less than the five minutes after which reconcile would find what was lost.
  it('is taken over by a waiting drop when the stack beneath it is killed', { timeout: 60_000 }, async () => {
    const stack = await up(place)
    const waiting = millrace(['drop', file, '--wait', '--json', '--partition-bytes', partitionBytes], place)
    const run = await until('its run', () => (existsSync(place.dataDir) ? newestRun() : undefined))
    await stack.kill()
    const { exitCode, stderr } = await waiting
    assert.equal(exitCode, 0, stderr)
    await everyRecordOnce(await endOf(run.runId))
  })
})
