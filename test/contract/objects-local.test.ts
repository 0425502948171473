import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { type LocalObjects, type LocalObjectsOptions, openLocalObjects } from '../../local/objects/objects.ts'
import { keyAt, namesOf } from '../../local/objects/path.ts'
import { isError } from '../../shared/errors.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import type { ObjectRef } from '../../shared/ports.ts'
import { oddNames } from './odd-keys.ts'

const startMs = Date.UTC(2026, 0, 31)
const MiB = 1024 * 1024
const ref: ObjectRef = { bucket: 'drops', key: 'folder/a.csv' }

interface Place {
  dir: string
  objects: LocalObjects
  said: string[]
  /** The same folders again, as another process has them. */
  again(more?: Partial<LocalObjectsOptions>): LocalObjects
  fileOf(key: string): string
}

function place(t: TestContext, more: Partial<LocalObjectsOptions> = {}): Place {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-objects-'))
  const said: string[] = []
  const opened: LocalObjects[] = []
  const again = (evenMore: Partial<LocalObjectsOptions> = {}): LocalObjects => {
    const objects = openLocalObjects({
      dir: path.join(dir, 'objects'),
      dbFile: path.join(dir, 'objects.db'),
      clock: createMemoryClock(startMs),
      announces: bucket => bucket === 'drops',
      announce: async ({ bucket, key, version, sequencer, bytes }) => {
        assert.equal(sequencer, version)
        said.push(`${bucket}/${key} ${version} ${bytes}`)
      },
      ...more,
      ...evenMore,
    })
    opened.push(objects)
    return objects
  }
  t.after(() => {
    for (const objects of opened) objects.close()
    rmSync(dir, { recursive: true })
  })
  return { dir, objects: again(), said, again, fileOf: key => path.join(dir, 'objects', 'drops', key) }
}

async function text(objects: LocalObjects, of = ref, reading = {}): Promise<string> {
  return Buffer.concat(await (await objects.read(of, reading)).toArray()).toString()
}

describe('The file of an object', () => {
  it('is where its key says, for a person to open', async t => {
    const { objects, fileOf } = place(t)
    const keys = ['a.csv', 'logs/2026/day=31/b c+ü.ndjson', '.hidden', 'x=1;y=(2)&z.parquet']
    for (const key of keys) {
      await objects.write({ bucket: 'drops', key }, Buffer.from(key))
      assert.equal(objects.pathOf({ bucket: 'drops', key }), fileOf(key))
      assert.equal(readFileSync(fileOf(key), 'utf8'), key)
    }
  })

  it('lies within the folder of its bucket, however its key climbs', async t => {
    const { objects, dir } = place(t)
    const root = path.join(dir, 'objects', 'drops') + path.sep
    for (const key of ['../../up', '/etc/passwd', 'a/../../../b', '..', '.']) {
      await objects.write({ bucket: 'drops', key }, Buffer.from('x'))
      const file = objects.pathOf({ bucket: 'drops', key })
      assert.ok(path.resolve(file).startsWith(root), file)
      assert.ok(statSync(file).isFile())
    }
  })

  it('cannot be of a bucket that climbs', async t => {
    const { objects } = place(t)
    for (const bucket of ['..', '.tmp', 'a/b', '']) {
      const writing = objects.write({ bucket, key: 'x' }, Buffer.from('x'))
      await assert.rejects(writing, error => isError(error, 'INVARIANT_BROKEN'))
    }
  })

  it('takes the folders that it leaves empty with it when it is removed', async t => {
    const { objects, fileOf } = place(t)
    const other = { bucket: 'drops', key: 'folder/deep/b.csv' }
    await objects.write(ref, Buffer.from('a'))
    await objects.write(other, Buffer.from('b'))
    await objects.remove([other])
    assert.ok(!existsSync(fileOf('folder/deep')) && existsSync(fileOf('folder/a.csv')))
    await objects.remove([ref])
    assert.ok(!existsSync(fileOf('folder')) && existsSync(fileOf('.')))
  })
})

const safe = (name: string): boolean => {
  const reserved = name === '' || name === '.' || name === '..'
  return !reserved && !/[\p{Cc}/\\:*?"<>|]/u.test(name) && Buffer.byteLength(name) <= 255
}

describe('The name of a file', () => {
  const component = fc.oneof(
    fc.constantFrom('', '.', '..', '%', '%%', '%=', '%~', '%+', '%2E', 'a', 'a%', '\u0085'),
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.string({ unit: fc.constantFrom('%', 'x', '☃', '\u0000'), minLength: 80, maxLength: 300 }),
  )
  const key = fc.array(component, { minLength: 1, maxLength: 5 }).map(parts => parts.join('/'))
  it('is safe and leads back to the key, whatever the key', () => {
    fc.assert(
      fc.property(key, one => {
        const names = namesOf(one)
        assert.ok(names.every(safe), names.join(' / '))
        assert.equal(keyAt(names.join(path.sep)), one)
      }),
      { seed: 7, numRuns: 3000 },
    )
  })

  it('leads back to the key for every odd one', () => {
    for (const one of Object.values(oddNames).flat()) {
      assert.equal(keyAt(namesOf(one).join(path.sep)), one)
    }
  })

  it('that we would not have given is taken literally', () => {
    assert.equal(keyAt('100%.csv'), '100%.csv')
    assert.equal(keyAt('my%20file.csv'), 'my%20file.csv')
  })
})

describe('A file that a person edits', () => {
  it('is refused to whoever asks for what it was', async t => {
    const { objects, fileOf } = place(t)
    const { etag, version = '' } = await objects.write(ref, Buffer.from('0123456789'))
    appendFileSync(fileOf(ref.key), '!')
    for (const asked of [{ etag }, { version }, { etag, range: { start: 0, end: 2 } }]) {
      await assert.rejects(objects.read(ref, asked), error => isError(error, 'SOURCE_CHANGED'))
    }
  })

  it('is a new version to whoever asks for what it is, and is announced', async t => {
    const { objects, fileOf, said } = place(t)
    const old = await objects.write(ref, Buffer.from('old'))
    appendFileSync(fileOf(ref.key), ' and new')
    const head = await objects.head(ref)
    assert.ok(head?.version && old.version && head.version > old.version)
    assert.equal(head.bytes, 11)
    assert.notEqual(head.etag, old.etag)
    assert.equal(await text(objects), 'old and new')
    assert.equal(said.length, 2)
  })

  it('is noticed even where size and content are the same, for its time moved', async t => {
    const { objects, fileOf } = place(t)
    const old = await objects.write(ref, Buffer.from('same'))
    utimesSync(fileOf(ref.key), 1, 1)
    await assert.rejects(objects.read(ref, { etag: old.etag }), error => isError(error, 'SOURCE_CHANGED'))
    const head = await objects.head(ref)
    assert.equal(head?.etag, old.etag)
    assert.notEqual(head?.version, old.version)
  })

  it('while it is read ends the stream in SOURCE_CHANGED, with no byte of the edit handed out', async t => {
    const { objects, fileOf } = place(t)
    const { etag } = await objects.write(ref, Buffer.alloc(8 * MiB, 'a'))
    const stream = await objects.read(ref, { etag })
    let seen = 0
    const reading = async () => {
      for await (const chunk of stream) {
        assert.ok((chunk as Buffer).every(byte => byte === 97))
        if (seen === 0) writeFileSync(fileOf(ref.key), Buffer.alloc(8 * MiB, 'b'))
        seen += (chunk as Buffer).length
      }
    }
    await assert.rejects(reading(), error => isError(error, 'SOURCE_CHANGED'))
    assert.ok(seen > 0 && seen < 8 * MiB)
  })

  it('and shortens while it is read cannot pass for the end of the object', async t => {
    const { objects, fileOf } = place(t)
    await objects.write(ref, Buffer.alloc(8 * MiB, 'a'))
    const stream = await objects.read(ref)
    const reading = async () => {
      for await (const _ of stream) writeFileSync(fileOf(ref.key), 'short')
    }
    await assert.rejects(reading(), error => isError(error, 'SOURCE_CHANGED'))
  })

  it('or deletes is gone', async t => {
    const { objects, fileOf } = place(t)
    const { etag } = await objects.write(ref, Buffer.from('x'))
    rmSync(fileOf(ref.key))
    assert.equal(await objects.head(ref), undefined)
    await assert.rejects(objects.read(ref), error => isError(error, 'OBJECT_MISSING'))
    await assert.rejects(objects.read(ref, { etag }), error => isError(error, 'SOURCE_CHANGED'))
    await objects.remove([ref])
    await objects.write(ref, Buffer.from('again'), { once: true })
    assert.equal(await text(objects), 'again')
  })
})

describe('A file that a person puts there', () => {
  it('is adopted and announced at the next start, once, under the key that its place says', async t => {
    const { objects, fileOf, said } = place(t)
    mkdirSync(fileOf('by hand'), { recursive: true })
    const keys = ['by hand/b.csv', '100%.csv', 'my%20file.csv']
    for (const key of keys) writeFileSync(fileOf(key), `content of ${key}`)
    symlinkSync('b.csv', fileOf('by hand/link.csv'))
    assert.equal(await objects.recover(), 3)
    assert.equal(await objects.recover(), 0)
    assert.deepEqual(
      said.map(line => line.split(' ').slice(0, -2).join(' ')).toSorted(),
      keys.map(key => `drops/${key}`).toSorted(),
    )
    for (const key of keys) assert.equal(await text(objects, { bucket: 'drops', key }), `content of ${key}`)
  })

  it('in a bucket that announces nothing is adopted in silence by whoever reads it', async t => {
    const { objects, dir, said } = place(t)
    mkdirSync(path.join(dir, 'objects', 'output'))
    writeFileSync(path.join(dir, 'objects', 'output', 'x.csv'), 'by hand')
    assert.equal(await objects.recover(), 0)
    assert.equal(await text(objects, { bucket: 'output', key: 'x.csv' }), 'by hand')
    assert.deepEqual(said, [])
  })

  it('cannot be overwritten by a write that is to be the only one', async t => {
    const { objects, fileOf } = place(t)
    mkdirSync(fileOf('folder'), { recursive: true })
    writeFileSync(fileOf(ref.key), 'by hand')
    const writing = objects.write(ref, Buffer.from('new'), { once: true })
    await assert.rejects(writing, error => isError(error, 'OBJECT_EXISTS'))
    assert.equal(await text(objects), 'by hand')
  })
})

describe('A write', () => {
  it('is announced where its bucket announces, and only there', async t => {
    const { objects, said } = place(t)
    const { version } = await objects.write(ref, Buffer.from('four'))
    await objects.write({ ...ref, bucket: 'state' }, Buffer.from('x'))
    assert.deepEqual(said, [`drops/folder/a.csv ${version} 4`])
  })

  it('that could not be announced is there, says so, and is announced at the next start', async t => {
    const down = new Error('the queue is down')
    const { objects, again, said } = place(t, { announce: () => Promise.reject(down) })
    await assert.rejects(objects.write(ref, Buffer.from('x')), down)
    assert.equal(await text(objects), 'x')
    const up = again({
      announce: async ({ key }) => {
        said.push(key)
      },
    })
    assert.equal(await up.recover(), 1)
    assert.equal(await objects.recover(), 0)
    assert.deepEqual(said, [ref.key])
  })

  it('has a greater version than every one before it, from whatever process, and without the database too', async t => {
    const { objects, again, dir } = place(t)
    const other = again({ clock: createMemoryClock(startMs - 60_000) })
    const versions: string[] = []
    const note = async (store: LocalObjects) => {
      versions.push((await store.write(ref, Buffer.from('x'))).version ?? '')
    }
    for (const store of [objects, other, objects, other, other]) await note(store)
    const fresh = again({ dbFile: path.join(dir, 'new.db'), clock: createMemoryClock(startMs + 1) })
    await note(fresh)
    assert.ok(
      versions.every(version => /^[0-9A-F]{16}$/.test(version)),
      versions.join(),
    )
    assert.deepEqual(versions, [...new Set(versions)].toSorted())
  })

  it('that fails half-way leaves what was there before', async t => {
    const { objects, dir } = place(t)
    await objects.write(ref, Buffer.from('old'))
    await assert.rejects(objects.write(ref, { file: path.join(dir, 'missing') }), { code: 'ENOENT' })
    assert.equal(await text(objects), 'old')
    assert.equal(await objects.recover(), 0)
  })
})

describe('Another process that starts', () => {
  it('leaves alone what a living one is writing', async t => {
    const { objects, dir, again } = place(t)
    const aside = path.join(dir, 'objects', '.tmp')
    mkdirSync(aside)
    const names = { living: `${process.ppid}.x`, dead: `${2 ** 22 + 1}.x`, ours: `${process.pid}.x` }
    for (const name of Object.values(names)) writeFileSync(path.join(aside, name), 'half')
    const writing = objects.write(ref, Buffer.alloc(16 * MiB))
    await again().recover()
    await writing
    assert.ok(existsSync(path.join(aside, names.living)))
    assert.ok(!existsSync(path.join(aside, names.dead)) && !existsSync(path.join(aside, names.ours)))
    assert.equal((await objects.head(ref))?.bytes, 16 * MiB)
  })
})

describe('The fault slow-down', () => {
  it('refuses the first read of a drop as S3 does, and no other', async t => {
    const { objects, again } = place(t)
    await objects.write(ref, Buffer.from('content'))
    await objects.write({ ...ref, bucket: 'state' }, Buffer.from('state'))
    const faulty = again({ fault: 'slow-down' })
    assert.equal(await text(faulty, { ...ref, bucket: 'state' }), 'state')
    await assert.rejects(
      faulty.read(ref),
      error => isError(error, 'THROTTLED') && /SlowDown/.test(error.message),
    )
    assert.equal(await text(faulty), 'content')
    assert.equal(await text(objects), 'content')
  })
})
