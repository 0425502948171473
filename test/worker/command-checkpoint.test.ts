/** The checkpoint folder: kept from one attempt to the next, for nobody else, and not for ever. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { stateKeys } from '../../shared/documents.ts'
import type { Objects } from '../../shared/ports.ts'
import { Stage } from '../../shared/vocabulary.ts'
import type { Attempt } from '../../worker/attempt.ts'
import { Checkpoint } from '../../worker/command/checkpoint.ts'
import { Leave } from '../../worker/notice/leave.ts'
import { buckets, type Given, givenRun, rowsOf, runId, worked } from './given.ts'
import { program, removePrograms } from './programs.ts'

const text = 'id\n1\n2\n3\n'
const columns = { id: 'BIGINT' }

after(removePrograms)

/** Counts its attempts in its folder, and ends well in the one of that number. */
const counting = (good: number, failure = 'process.exit(1)'): string[] =>
  program(`const before = existsSync(kept('count')) ? Number(readFileSync(kept('count'), 'utf8')) : 0
    writeFileSync(kept('count'), String(before + 1))
    if (before + 1 < ${good}) { ${failure} }
    say({ id: before + 1 })`)

const runOf = (command: string[]): Promise<Given> => givenRun({ text, work: { command, columns } })

async function keysOf(objects: Objects): Promise<string[]> {
  return (await objects.list(buckets.state, 'checkpoints/')).objects.map(({ key }) => key)
}

describe('a checkpoint folder', () => {
  it('is empty at first, then as the attempt before has left it, and gone with the success', async () => {
    const given = await runOf(counting(3))
    assert.equal((await worked(given)).exitCode, 1)
    assert.equal((await worked(given)).exitCode, 1)
    const keys = await keysOf(given.objects)
    assert.deepEqual([...new Set(keys.map(key => key.split('/')[3]))], ['1', '2'])
    assert.equal((await worked(given)).exitCode, 0)
    assert.deepEqual(await rowsOf(given), [['3']])
    assert.deepEqual(await keysOf(given.objects), [])
  })

  it('is saved by an attempt that is told to stop', async () => {
    const waiting =
      "process.on('SIGTERM', () => process.exit(0)); console.error('ready'); setInterval(() => {}, 1000); await new Promise(() => {})"
    const given = await runOf(counting(2, waiting))
    const stop = new AbortController()
    const { exitCode, partition } = await worked(given, {
      signal: stop.signal,
      onLine: message => message === 'command' && stop.abort(),
    })
    assert.equal(exitCode, 143)
    assert.equal(partition?.failures, undefined)
    assert.equal((await worked(given)).exitCode, 0)
    assert.deepEqual(await rowsOf(given), [['2']])
  })

  it('cannot be one of other records: those of another range begin with nothing', async () => {
    const given = await runOf(counting(2))
    await worked(given)
    const assignments = given.assignments.map(each => ({ ...each, end: each.end - 2 }))
    const page = Buffer.from(JSON.stringify({ round: 1, page: 0, assignments }))
    await given.objects.write({ bucket: buckets.state, key: stateKeys.assignments(runId, 1, 0) }, page)
    assert.equal((await worked(given)).exitCode, 1)
    assert.equal((await worked(given)).exitCode, 0)
  })

  it('cannot be one of more records: who leaves off half-way begins with nothing, and says nothing twice', async () => {
    const given = await runOf(
      program(`const records = lines().map(line => numbered(JSON.parse(line)))
        const before = existsSync(kept('done')) ? JSON.parse(readFileSync(kept('done'), 'utf8')) : []
        const done = [...before, ...records.slice(before.length)]
        writeFileSync(kept('done'), JSON.stringify(done))
        if (records.length === 3) process.exit(1)
        for (const record of done) say(record)`),
    )
    assert.equal((await worked(given)).exitCode, 1)
    const leave = new Leave()
    leave.ask('asked')
    const { exitCode, partition } = await worked(given, { leave })
    assert.equal(exitCode, 0)
    assert.deepEqual([partition?.report?.recordsRead, partition?.report?.recordsWritten], [1, 1])
    assert.deepEqual(await rowsOf(given), [['1']])
  })

  it('costs not a single call where nothing is ever left in it, but for one look at the end', async () => {
    const given = await runOf(program('say({ id: 1 })'))
    const calls: string[] = []
    const objects: Objects = {
      ...given.objects,
      list: (bucket, prefix, next) => {
        calls.push(`list ${prefix}`)
        return given.objects.list(bucket, prefix, next)
      },
      write: (ref, ...rest) => {
        if (ref.bucket === buckets.state) calls.push(`write ${ref.key}`)
        return given.objects.write(ref, ...rest)
      },
    }
    await worked(given, { objects })
    assert.deepEqual(calls, [`list ${stateKeys.checkpoints(runId, 0)}`])
  })
})

const dir = mkdtempSync(join(tmpdir(), 'millrace-checkpoint-'))
after(() => rmSync(dir, { recursive: true }))
let folders = 0

/** A checkpoint of the attempt with that fence, and what it said. */
async function opened(given: Given, fence: number, objects = given.objects) {
  const folder = join(dir, String(folders++))
  mkdirSync(folder)
  const said: string[] = []
  const say = (message: string) => void said.push(message)
  const log = { info: say, warn: say, error: say }
  const assignment = given.assignments[0] ?? assert.fail('no partition')
  const scratch = { dir: folder }
  const known = { objects, buckets, run: given.run, assignment, fence, scratch, log, stage: Stage.work }
  const checkpoint = new Checkpoint(known as unknown as Attempt, assignment)
  await checkpoint.restore()
  return { checkpoint, said, file: (name: string) => join(checkpoint.dir, name) }
}

describe('saving a checkpoint folder', () => {
  it('happens again and again while the command runs, where something has changed', async () => {
    const given = await runOf(['true'])
    const manifests: (() => void)[] = []
    const objects: Objects = {
      ...given.objects,
      write: async (ref, ...rest) => {
        const info = await given.objects.write(ref, ...rest)
        if (ref.key.endsWith('manifest.json')) manifests.shift()?.()
        return info
      },
    }
    const saved = () => new Promise<void>(resolve => manifests.push(resolve))
    const { checkpoint, file } = await opened(given, 1, objects)
    checkpoint.keepSaving(1)
    const first = saved()
    writeFileSync(file('a'), 'one')
    await first
    const second = saved()
    writeFileSync(file('a'), 'two, and longer')
    await second
    await checkpoint.stopSaving()
    const keys = (await keysOf(given.objects)).length
    assert.equal(keys, 2, 'the manifest and one file: what it was before is removed')
  })

  it('restores every file in its folder, and skips what was not saved whole', async () => {
    const given = await runOf(['true'])
    const first = await opened(given, 1)
    mkdirSync(first.file('deep/er'), { recursive: true })
    writeFileSync(first.file('deep/er/ü'), Buffer.from([0, 255, 10]))
    writeFileSync(first.file('empty'), '')
    await first.checkpoint.saveLast()
    // A later one was killed before its manifest.
    const half = { bucket: buckets.state, key: `${stateKeys.checkpoints(runId, 0)}2/${'0'.repeat(64)}` }
    await given.objects.write(half, Buffer.from('half'))
    const { readFileSync } = await import('node:fs')
    const third = await opened(given, 3)
    assert.deepEqual([...readFileSync(third.file('deep/er/ü'))], [0, 255, 10])
    assert.equal(readFileSync(third.file('empty')).length, 0)
    assert.deepEqual(third.said, ['checkpoint restored'])
  })

  it('cannot be trusted where a file is another than was saved: the folder is empty then', async () => {
    const given = await runOf(['true'])
    const first = await opened(given, 1)
    writeFileSync(first.file('a'), 'sound')
    await first.checkpoint.saveLast()
    const key = (await keysOf(given.objects)).find(each => !each.endsWith('.json')) ?? ''
    await given.objects.write({ bucket: buckets.state, key }, Buffer.from('other'))
    const second = await opened(given, 2)
    assert.deepEqual(second.said, ['checkpoint not restored'])
  })

  it('is refused with a word where there are too many files, and the attempt goes on', async () => {
    const given = await runOf(['true'])
    const { checkpoint, said, file } = await opened(given, 1)
    for (let at = 0; at <= 1000; at++) writeFileSync(file(String(at)), '')
    await checkpoint.saveLast()
    assert.deepEqual(said, ['checkpoint not saved'])
    assert.deepEqual(await keysOf(given.objects), [])
  })
})
