/** What every Objects must do, whoever keeps the bytes. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { after, before, describe } from 'node:test'
import { newId, systemClock } from '../../shared/clock.ts'
import { type ErrorCode, isError } from '../../shared/errors.ts'
import type { ObjectRef, Objects } from '../../shared/ports.ts'
import { oddNames } from './odd-keys.ts'
import { allPages, type SuiteOptions, titled } from './suite.ts'

export interface ObjectsUnderTest {
  objects: Objects
  /** An empty bucket of its own. */
  bucket: string
  dispose(): Promise<void>
}

const rivals = 8
/** Another machine's clock, and S3's whole seconds. */
const clocksApartMsMax = 5 * 60 * 1000
const MiB = 1024 * 1024
const code = (wanted: ErrorCode) => (error: unknown) => isError(error, wanted)
const together = <Result>(
  work: (rival: number) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> =>
  Promise.allSettled(Array.from({ length: rivals }, (_, rival) => work(rival)))
const bytesOf = async (stream: Readable): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

export function objectsContract(
  which: string,
  openOne: () => Promise<ObjectsUnderTest>,
  options: SuiteOptions = {},
): void {
  describe(`Objects: ${which}`, () => {
    let world: ObjectsUnderTest
    let objects: Objects
    let dir: string
    before(async () => {
      world = await openOne()
      objects = world.objects
      dir = await mkdtemp(path.join(os.tmpdir(), 'millrace-contract-'))
    })
    after(async () => {
      await world.dispose()
      await rm(dir, { recursive: true })
    })
    const it = titled(options)

    const at = (key: string): ObjectRef => ({ bucket: world.bucket, key })
    const fresh = (): ObjectRef => at(`${newId()}/file.csv`)
    const put = async (content: string | Uint8Array, ref = fresh()) => {
      const info = await objects.write(ref, Buffer.from(content))
      return { ref, ...info }
    }
    const text = async (ref: ObjectRef, reading = {}): Promise<string> =>
      (await bytesOf(await objects.read(ref, reading))).toString()
    const fileOf = async (content: Uint8Array): Promise<{ file: string }> => {
      const file = path.join(dir, newId())
      await writeFile(file, content)
      return { file }
    }
    const listed = async (prefix: string, from?: string): Promise<string[][]> => {
      const pages = await allPages(next => objects.list(world.bucket, prefix, next ?? from))
      return pages.map(page => page.objects.map(({ key }) => key))
    }

    describe('an object', () => {
      it('that was never written has no head and cannot be read', async () => {
        const ref = fresh()
        assert.equal(await objects.head(ref), undefined)
        await assert.rejects(objects.read(ref), code('OBJECT_MISSING'))
        await assert.rejects(objects.read(ref, { range: { start: 0, end: 1 } }), code('OBJECT_MISSING'))
      })

      it('is read as it was written, from memory and from a file', async () => {
        const content = randomBytes(3 * MiB + 17)
        for (const body of [content, await fileOf(content)]) {
          const ref = fresh()
          const info = await objects.write(ref, body)
          assert.equal(info.bytes, content.length)
          assert.deepEqual(await objects.head(ref), info)
          assert.ok(content.equals(await bytesOf(await objects.read(ref))))
        }
      })

      it('may be empty', async () => {
        for (const body of [new Uint8Array(), await fileOf(new Uint8Array())]) {
          const ref = fresh()
          assert.equal((await objects.write(ref, body)).bytes, 0)
          assert.equal((await objects.head(ref))?.bytes, 0)
          assert.equal(await text(ref), '')
          assert.equal(await text(ref, { range: { start: 0, end: 5 } }), '')
        }
      })

      it('is replaced whole by the next write', async () => {
        const first = await put('a longer content')
        const second = await put('short', first.ref)
        assert.notEqual(second.etag, first.etag)
        assert.equal(await text(first.ref), 'short')
        assert.equal((await objects.head(first.ref))?.etag, second.etag)
      })

      it('has the same etag for the same content, without quotes, and a version of its own, if any', async () => {
        const first = await put('content')
        const second = await put('content', first.ref)
        assert.match(first.etag, /^[^"]+$/)
        assert.equal(second.etag, first.etag)
        if (first.version === undefined) assert.equal(second.version, undefined)
        else assert.notEqual(second.version, first.version)
      })

      it('keeps its metadata, with names in lower case', async () => {
        const ref = fresh()
        const metadata = { 'Run-Id': 'abc', plain: 'x y' }
        const info = await objects.write(ref, Buffer.from('x'), { metadata, contentType: 'text/csv' })
        assert.deepEqual(info.metadata, { 'run-id': 'abc', plain: 'x y' })
        assert.deepEqual((await objects.head(ref))?.metadata, info.metadata)
      })

      it('is seen whole by readers while it is overwritten', async () => {
        const { ref } = await put(Buffer.alloc(MiB, 0))
        const work = async (rival: number) => {
          if (rival % 2 === 0) await objects.write(ref, Buffer.alloc(MiB + rival, rival))
          else return bytesOf(await objects.read(ref))
        }
        for (const outcome of await together(work)) {
          if (outcome.status === 'rejected') throw outcome.reason
          const seen = outcome.value
          if (seen) assert.ok(seen.equals(Buffer.alloc(seen[0] === 0 ? MiB : MiB + (seen[0] ?? 0), seen[0])))
        }
      })
    })

    describe('a range', () => {
      it('gives exactly its bytes at every edge, and what there is of one that goes beyond', async () => {
        const content = '0123456789'
        const { ref, etag } = await put(content)
        for (let start = 0; start <= content.length + 1; start++) {
          for (let end = start; end <= content.length + 2; end++) {
            const seen = await text(ref, { range: { start, end }, etag })
            assert.equal(seen, content.slice(start, end), `${start} to ${end}`)
          }
        }
      })

      it('of a larger object is cut exactly, over any number of chunks', async () => {
        const content = randomBytes(2 * MiB)
        const { ref } = await put(content)
        for (const [start, end] of [
          [0, 2 * MiB],
          [1, 2 * MiB - 1],
          [65_535, 65_537],
          [MiB - 3, 3 * MiB],
          [2 * MiB - 1, 2 * MiB],
        ] as const) {
          const seen = await bytesOf(await objects.read(ref, { range: { start, end } }))
          assert.ok(seen.equals(content.subarray(start, end)), `${start} to ${end}`)
        }
      })

      it('that is empty reads nothing and asks nothing, not even whether there is an object', async () => {
        assert.equal(await text(fresh(), { range: { start: 5, end: 5 }, etag: 'other' }), '')
      })

      it('cannot begin before the object or between bytes', async () => {
        const { ref } = await put('0123456789')
        for (const start of [-5, 0.5, Number.NaN]) {
          await assert.rejects(objects.read(ref, { range: { start, end: 9 } }), code('INVARIANT_BROKEN'))
        }
      })

      it('may be left half read', async () => {
        const { ref } = await put(Buffer.alloc(4 * MiB, 1))
        const stream = await objects.read(ref)
        for await (const chunk of stream) {
          assert.ok((chunk as Buffer).length > 0)
          break
        }
        assert.ok(stream.destroyed)
        const unread = await objects.read(ref)
        unread.destroy()
        await objects.remove([ref])
      })
    })

    describe('a reader that asks for one certain object', () => {
      it('gets it as long as it is there', async () => {
        const { ref, etag, version } = await put('content')
        assert.equal(await text(ref, { etag }), 'content')
        assert.equal(
          await text(ref, { etag, ...(version && { version }), range: { start: 3, end: 99 } }),
          'tent',
        )
      })

      it('is told when it was overwritten', async () => {
        const { ref, etag } = await put('content')
        await put('another', ref)
        await assert.rejects(objects.read(ref, { etag }), code('SOURCE_CHANGED'))
        const range = { start: 1, end: 2 }
        await assert.rejects(objects.read(ref, { etag, range }), code('SOURCE_CHANGED'))
      })

      it('is told when it is gone', async () => {
        const { ref, etag } = await put('content')
        await objects.remove([ref])
        await assert.rejects(objects.read(ref, { etag }), code('SOURCE_CHANGED'))
      })

      it('of a version gets that version or is refused, and never gets another', async () => {
        const { ref, etag, version } = await put('content')
        if (version === undefined) return
        assert.equal((await objects.head(ref, version))?.version, version)
        await put('another', ref)
        const head = await objects.head(ref, version)
        if (head) assert.deepEqual([head.etag, head.version], [etag, version])
        const outcome = await text(ref, { etag, version }).catch((error: unknown) => error)
        assert.ok(outcome === 'content' || isError(outcome, 'SOURCE_CHANGED'))
      })

      it('never gets half of one and half of another when it is overwritten in the middle', async () => {
        const old = Buffer.alloc(8 * MiB, 'a')
        const { ref, etag } = await put(old)
        const stream = await objects.read(ref, { etag })
        const seen: Buffer[] = []
        const reading = async () => {
          for await (const chunk of stream) {
            seen.push(chunk as Buffer)
            if (seen.length === 1) await put(Buffer.alloc(8 * MiB, 'b'), ref)
          }
        }
        const ended = await reading().catch((error: unknown) => error)
        const got = Buffer.concat(seen)
        assert.ok(got.equals(old.subarray(0, got.length)))
        assert.ok(ended === undefined ? got.length === old.length : isError(ended, 'SOURCE_CHANGED'))
        await assert.rejects(objects.read(ref, { etag }), code('SOURCE_CHANGED'))
      })
    })

    describe('writing once', () => {
      it('is refused where the key is taken, and leaves what is there', async () => {
        const ref = fresh()
        await objects.write(ref, Buffer.from('first'), { once: true })
        const again = objects.write(ref, Buffer.from('second'), { once: true })
        await assert.rejects(again, code('OBJECT_EXISTS'))
        await assert.rejects(
          objects.write(ref, await fileOf(Buffer.from('third')), { once: true }),
          code('OBJECT_EXISTS'),
        )
        assert.equal(await text(ref), 'first')
      })

      it('is possible again where the key was freed', async () => {
        const ref = fresh()
        await objects.write(ref, Buffer.from('first'), { once: true })
        await objects.remove([ref])
        await objects.write(ref, Buffer.from('second'), { once: true })
        assert.equal(await text(ref), 'second')
      })

      it("lets exactly one of many win, and the object is the winner's", async () => {
        const ref = fresh()
        const outcomes = await together(async rival => {
          const content = Buffer.alloc(100_000, String(rival))
          const body = rival % 2 === 0 ? content : await fileOf(content)
          return { rival, ...(await objects.write(ref, body, { once: true })) }
        })
        const winners = outcomes.filter(outcome => outcome.status === 'fulfilled')
        const losers = outcomes.filter(outcome => outcome.status === 'rejected')
        assert.equal(winners.length, 1)
        for (const { reason } of losers) assert.ok(isError(reason, 'OBJECT_EXISTS'), String(reason))
        const [winner] = winners
        assert.equal(await text(ref), String(winner?.value.rival).repeat(100_000))
        assert.equal((await objects.head(ref))?.etag, winner?.value.etag)
      })
    })

    describe('a key', () => {
      for (const [oddity, names] of Object.entries(oddNames)) {
        it(`may ${oddity}, and no two are taken for one`, async () => {
          const root = `${newId().slice(0, 8)}/`
          const keys = names.map(name => root + name)
          for (const key of keys) await put(`content of ${key}`, at(key))
          for (const key of keys) assert.equal(await text(at(key)), `content of ${key}`)
          const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
          assert.deepEqual((await listed(root)).flat(), sorted)
          for (const [gone, key] of keys.entries()) {
            await objects.remove([at(key)])
            assert.equal(await objects.head(at(key)), undefined)
            assert.equal((await listed(root)).flat().length, keys.length - gone - 1)
          }
        })
      }

      it('may be the folder of another, whichever was first', async () => {
        for (const flip of [false, true]) {
          const root = newId()
          const keys = [root, `${root}/b`, `${root}/b/c`, `${root}/`, `${root}//b`]
          for (const key of flip ? keys.toReversed() : keys) {
            await objects.write(at(key), Buffer.from('old'))
            await objects.write(at(key), Buffer.from(key))
          }
          for (const key of keys) assert.equal(await text(at(key)), key)
          await objects.remove([at(root), at(`${root}/b/c`)])
          assert.equal(await text(at(`${root}/b`)), `${root}/b`)
          assert.equal(await objects.head(at(root)), undefined)
        }
      })

      it('may have 1,024 bytes and cannot have more, or none', async () => {
        const root = newId()
        const ref = at(`${root}/${'é'.repeat((1023 - root.length) >> 1)}`.concat('x'))
        assert.equal(Buffer.byteLength(ref.key), 1024)
        await objects.write(ref, Buffer.from('x'))
        assert.equal(await text(ref), 'x')
        for (const key of ['', `${ref.key}y`, 'lone \ud800']) {
          await assert.rejects(objects.write(at(key), Buffer.from('x')), code('INVARIANT_BROKEN'))
        }
      })
    })

    describe('a list', () => {
      it('has the keys with that prefix in order of their UTF-8 bytes, each with size, etag and time', async () => {
        const root = `${newId()}/`
        const names = ['B', 'a b', 'a/b', 'a/c/d', 'ab', 'b+', 'é', '\uffee', '\u{1f600}']
        for (const name of names.toReversed()) await put(name, at(root + name))
        assert.deepEqual(
          (await listed(root)).flat(),
          names.map(name => root + name),
        )
        assert.deepEqual((await listed(`${root}a/`)).flat(), [`${root}a/b`, `${root}a/c/d`])
        assert.deepEqual((await listed(`${root}none`)).flat(), [])
        const { objects: found, next } = await objects.list(world.bucket, `${root}a b`)
        assert.equal(next, undefined)
        const info = await objects.head(at(`${root}a b`))
        const modifiedAt = found[0]?.modifiedAt ?? 0
        assert.deepEqual(found, [{ key: `${root}a b`, bytes: 3, etag: info?.etag, modifiedAt }])
        assert.ok(Number.isSafeInteger(modifiedAt))
        assert.ok(Math.abs(systemClock.now() - modifiedAt) < clocksApartMsMax)
      })

      it('goes on behind a key, whether or not that key is there', async () => {
        const root = `${newId()}/`
        for (const name of ['a', 'b', 'c']) await put(name, at(root + name))
        assert.deepEqual((await listed(root, `${root}b`)).flat(), [`${root}c`])
        assert.deepEqual((await listed(root, `${root}aa`)).flat(), [`${root}b`, `${root}c`])
        assert.deepEqual((await listed(root, `${root}c`)).flat(), [])
        assert.equal((await listed(root, ' ')).flat().length, 3)
      })

      it('has 1,000 keys a page at most, and every key once; all of them can be removed at once', async () => {
        const root = `${newId()}/`
        const names = Array.from({ length: 1001 }, (_, count) => root + String(count).padStart(4, '0'))
        for (let from = 0; from < names.length; from += rivals) {
          await Promise.all(names.slice(from, from + rivals).map(key => put('', at(key))))
        }
        const pages = await listed(root)
        assert.deepEqual(
          pages.map(page => page.length),
          [1000, 1],
        )
        assert.deepEqual(pages.flat(), names)
        await objects.remove([...names, `${root}never there`].map(at))
        assert.deepEqual((await listed(root)).flat(), [])
      })
    })

    describe('removing', () => {
      it('takes away those named and no other, and may name what is not there, or nothing', async () => {
        const [kept, gone] = [await put('kept'), await put('gone')]
        await objects.remove([gone.ref, fresh()])
        await objects.remove([gone.ref])
        await objects.remove([])
        assert.equal(await objects.head(gone.ref), undefined)
        assert.equal(await text(kept.ref), 'kept')
      })
    })
  })
}
