import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { MillraceError } from '../../shared/errors.ts'
import type { Compression } from '../../shared/layout.ts'
import { decompressed } from '../../worker/read/compressed/streams.ts'
import { bgzfBlock, bgzfEnd, gzipMember, membersOf, skippableFrame, zstdFrame } from './compressed-given.ts'

const MiB = 1024 ** 2
const bounds = { bytesMax: 1024 * MiB, ratioMax: 250 }
const text = Buffer.from(Array.from({ length: 60 }, (_, at) => `${at},some text ${at * 7919}\n`).join(''))

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function contentOf(bytes: Buffer, compression: Compression, size = 1000): Promise<Buffer> {
  const content: Buffer[] = []
  for await (const part of decompressed(chunksOf(bytes, size), compression, bounds)) content.push(part)
  return Buffer.concat(content)
}

/** The content, or why there is none. */
const outcomeOf = (bytes: Buffer, compression: Compression): Promise<Buffer | string> =>
  contentOf(bytes, compression).catch(error => {
    if (error instanceof MillraceError && error.code === 'BAD_INPUT') return error.refusal ?? ''
    throw error
  })

const streams: [string, Compression, Buffer][] = [
  ['gzip members', 'gzip', membersOf(text, [400, 1, 700], gzipMember)],
  ['BGZF', 'gzip', Buffer.concat([membersOf(text, [500], bgzfBlock), bgzfEnd])],
  [
    'zstd frames',
    'zstd',
    Buffer.concat([membersOf(text, [400, 1, 700], zstdFrame), skippableFrame(Buffer.from('table'))]),
  ],
]

for (const [name, compression, stream] of streams) {
  test(`${name} are decompressed whole, in chunks of any size`, async () => {
    for (const size of [1, 2, 7, 100, 5000]) {
      assert.deepEqual(await contentOf(stream, compression, size), text)
    }
  })

  test(`${name} that are cut off are refused at every byte, but where a member or frame ends`, async () => {
    const ends: number[] = []
    // BGZF says where it ends; the others do not, and what is left of them is a sound file.
    const members = { 'gzip members': 4, 'zstd frames': 5 }[name] ?? 0
    for (let length = 1; length < stream.length; length++) {
      const outcome = await outcomeOf(stream.subarray(0, length), compression)
      if (typeof outcome === 'string') assert.equal(outcome, 'STREAM_TRUNCATED')
      else {
        assert.deepEqual(outcome, text.subarray(0, outcome.length))
        ends.push(length)
      }
    }
    assert.ok(ends.length <= members, `${ends}`)
  })

  test(`${name} with one byte changed are refused, or hold the same`, async () => {
    for (const change of [0x01, 0x10, 0xff]) {
      for (let at = 0; at < stream.length; at++) {
        const changed = Buffer.from(stream)
        changed[at] = (changed[at] ?? 0) ^ change
        const outcome = await outcomeOf(changed, compression)
        const same = typeof outcome !== 'string' && outcome.equals(text)
        assert.ok(same || typeof outcome === 'string', `byte ${at} ^ ${change}: other content`)
      }
    }
  })
}

test('zeros behind gzip, as tapes leave them, are nothing; anything else is refused, and told where', async () => {
  const gzip = gzipSync(text)
  assert.deepEqual(await contentOf(Buffer.concat([gzip, Buffer.alloc(2000)]), 'gzip', 64), text)
  const rest = Buffer.concat([gzip, Buffer.alloc(2000), Buffer.from('x')])
  assert.equal(await outcomeOf(rest, 'gzip'), 'TRAILING_BYTES')
  for (const [compression, stream] of [
    ['gzip', gzip],
    ['zstd', zstdFrame(text)],
  ] as const) {
    const trailing = contentOf(Buffer.concat([stream, Buffer.from('\nid,text\n')]), compression)
    await assert.rejects(trailing, {
      refusal: 'TRAILING_BYTES',
      message: new RegExp(`byte ${stream.length} `),
    })
  }
})

test('what is no such stream at all is refused as another compression', async () => {
  assert.equal(await outcomeOf(text, 'gzip'), 'COMPRESSION_DIFFERS')
  assert.equal(await outcomeOf(text, 'zstd'), 'COMPRESSION_DIFFERS')
  assert.equal(await outcomeOf(gzipSync(text), 'zstd'), 'COMPRESSION_DIFFERS')
})

test('a slow reader of many members in large chunks gets all of them', async () => {
  const wide = Buffer.from(Array.from({ length: 200_000 }, (_, at) => `${at * 7919},`).join(''))
  const stream = membersOf(wide, [1_000_000, 65_280, 3], gzipMember)
  const parts: Buffer[] = []
  for await (const part of decompressed(chunksOf(stream, 65_536), 'gzip', bounds)) {
    await new Promise(setImmediate)
    parts.push(part)
  }
  assert.ok(Buffer.concat(parts).equals(wide))
})

test('who leaves early ends the reading', async () => {
  for (const [, compression, stream] of streams) {
    let closed = false
    const chunks = (async function* () {
      try {
        yield* chunksOf(stream, 50)
      } finally {
        closed = true
      }
    })()
    for await (const _ of decompressed(chunks, compression, bounds)) break
    assert.ok(closed)
  }
})

test('a stream that grows beyond its bounds is stopped there, and taken for a bomb', async () => {
  const zeros = Buffer.alloc(80 * MiB)
  for (const [compression, bomb] of [
    ['gzip', gzipSync(zeros, { level: 1 })],
    ['zstd', zstdCompressSync(zeros)],
  ] as const) {
    const read = async (given: typeof bounds): Promise<number> => {
      let bytes = 0
      try {
        for await (const part of decompressed(chunksOf(bomb, 65_536), compression, given))
          bytes += part.length
      } catch (error) {
        assert.equal((error as MillraceError).refusal, 'DECOMPRESSION_BOMB')
      }
      return bytes
    }
    assert.equal(await read({ ...bounds, ratioMax: 100_000 }), zeros.length)
    assert.ok((await read({ ...bounds, ratioMax: 50 })) <= 64 * MiB)
    assert.ok((await read({ bytesMax: 3 * MiB, ratioMax: 100_000 })) <= 3 * MiB)
  }
})

test('a zstd frame that would take too much memory, or a dictionary, is refused by its header', async () => {
  const blocks = zstdFrame(text).subarray(6)
  const refusalOf = (header: string) => outcomeOf(Buffer.concat([Buffer.from(header, 'hex'), blocks]), 'zstd')
  assert.equal(await refusalOf('28b52ffd00a8'), 'ZSTD_WINDOW_TOO_LARGE')
  assert.equal(await refusalOf('28b52ffd015807'), 'ZSTD_DICTIONARY_MISSING')
})
