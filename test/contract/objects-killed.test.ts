import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readdir, truncate, watch, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it, type TestContext } from 'node:test'
import { type LocalObjects, openLocalObjects } from '../../local/objects/objects.ts'
import { systemClock } from '../../shared/clock.ts'
import { allPages } from './suite.ts'

const program = path.join(import.meta.dirname, 'objects-child.ts')
const ref = { bucket: 'drops', key: 'a.csv' }

interface Place {
  dir: string
  objects: LocalObjects
  /** `<key> <version>` of what this process announced. */
  said: string[]
}

function place(t: TestContext): Place {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-killed-'))
  const said: string[] = []
  const objects = openLocalObjects({
    dir: path.join(dir, 'objects'),
    dbFile: path.join(dir, 'objects.db'),
    clock: systemClock,
    announces: bucket => bucket === 'drops',
    announce: async ({ key, version }) => {
      said.push(`${key} ${version}`)
    },
  })
  t.after(() => {
    objects.close()
    rmSync(dir, { recursive: true })
  })
  return { dir, objects, said }
}

function child(dir: string, verb: string): ChildProcess & { stdout: NodeJS.ReadableStream } {
  return spawn(process.execPath, [program, dir, verb], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function killedBy(process: ChildProcess): Promise<void> {
  const [code, signal] = await once(process, 'exit')
  assert.deepEqual([code, signal], [null, 'SIGKILL'])
}

async function text(objects: LocalObjects): Promise<string> {
  return Buffer.concat(await (await objects.read(ref)).toArray()).toString()
}

describe('A process that writes objects and is killed', () => {
  it('before it could announce one leaves that to be announced at the next start, once', async t => {
    const { dir, objects, said } = place(t)
    await killedBy(child(dir, 'die announcing'))
    assert.equal(await text(objects), 'new')
    assert.equal(await objects.recover(), 1)
    assert.deepEqual(said, [`a.csv ${(await objects.head(ref))?.version}`])
    assert.equal(await objects.recover(), 0)
  })

  it('between the rename and the commit leaves a whole object, which is announced at the next start', async t => {
    const { dir, objects, said } = place(t)
    const old = await objects.write(ref, Buffer.from('the old content'))
    await killedBy(child(dir, 'die renamed'))
    assert.equal(await objects.recover(), 1)
    const head = await objects.head(ref)
    assert.ok(head?.version && old.version && head.version > old.version)
    assert.deepEqual(said, [`a.csv ${old.version}`, `a.csv ${head.version}`])
    assert.equal(await text(objects), 'new')
    assert.equal(await objects.recover(), 0)
  })

  it('between the rename and the commit cannot make a reader believe in the old version', async t => {
    const { dir, objects } = place(t)
    const old = await objects.write(ref, Buffer.from('the old content'))
    await killedBy(child(dir, 'die renamed'))
    await assert.rejects(objects.read(ref, { etag: old.etag }), { code: 'SOURCE_CHANGED' })
    assert.notEqual((await objects.head(ref))?.etag, old.etag)
    assert.equal(await text(objects), 'new')
  })

  it('in the middle of a body leaves nothing to be seen, and its rest is removed at the next start', async t => {
    const { dir, objects, said } = place(t)
    const aside = path.join(dir, 'objects', '.tmp')
    await mkdir(aside)
    await writeFile(path.join(dir, 'big'), 'begin')
    await truncate(path.join(dir, 'big'), 8 * 1024 ** 3)
    const writer = child(dir, 'write a big one')
    for await (const _ of watch(aside)) break
    writer.kill('SIGKILL')
    await killedBy(writer)
    assert.equal((await readdir(aside)).length, 1)
    assert.equal(await objects.recover(), 0)
    assert.deepEqual(await readdir(aside), [])
    assert.equal(await objects.head({ bucket: 'drops', key: 'big' }), undefined)
    assert.deepEqual(said, [])
  })

  it('at any time leaves every object whole and every newest version announced', async t => {
    const { dir, objects, said } = place(t)
    for (const lines of [1, 40, 97]) {
      const writer = child(dir, 'write on and on')
      let left = lines
      for await (const line of createInterface({ input: writer.stdout })) {
        said.push(line)
        if (--left === 0) writer.kill('SIGKILL')
      }
      if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit')
      await objects.recover()
      await allWhole(objects, said)
    }
  })
})

async function allWhole(objects: LocalObjects, said: string[]): Promise<void> {
  const pages = await allPages(from => objects.list('drops', '', from))
  for (const { key } of pages.flatMap(page => page.objects)) {
    const head = await objects.head({ bucket: 'drops', key })
    assert.ok(said.includes(`${key} ${head?.version}`), `${key} was not announced`)
    const content = Buffer.concat(await (await objects.read({ bucket: 'drops', key })).toArray())
    const hash = createHash('sha256').update(content.subarray(0, -32)).digest()
    assert.ok(hash.equals(content.subarray(-32)), `${key} is not whole`)
  }
}

describe('Processes that write the same key once', () => {
  it('leave it to exactly one of them', async t => {
    const { dir, objects } = place(t)
    const lines = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const writer = child(dir, 'write once')
        for await (const line of createInterface({ input: writer.stdout })) return line.split(' ')
        return assert.fail('it said nothing')
      }),
    )
    const winners = lines.filter(([outcome]) => outcome === 'won')
    assert.equal(lines.filter(([outcome]) => outcome === 'lost').length, 3)
    assert.equal(winners.length, 1)
    const one = await objects.read({ bucket: 'state', key: 'one' })
    assert.equal(Buffer.concat(await one.toArray()).toString(), winners[0]?.[1])
  })
})
