import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { parsePipeline } from '../../shared/pipeline.ts'
import { type Stream, streamOf, wholeBytesMax } from '../../shared/plan/compression.ts'
import { isRefusal, type Refusal } from '../../shared/plan/refusal.ts'
import { headBytesMax, planRun } from '../../shared/plan.ts'
import type { ByteRange } from '../../shared/ports.ts'
import {
  bgzfBlock,
  bgzfEnd,
  gzipMember,
  membersOf,
  skippableFrame,
  zstdFrame,
} from '../worker/compressed-given.ts'

const pipelineOf = (source: Record<string, unknown> = {}) =>
  parsePipeline(
    {
      name: 'a',
      source: { prefix: 'in/', format: 'csv', ...source },
      work: { sql: 'SELECT 1' },
      output: { prefix: 'o/' },
    },
    'a',
  )

/** `bytes`: of an object that begins as `content` does, and is larger. */
function lookAt(content: Buffer, bytes = content.length) {
  const looked: ByteRange[] = []
  const read = async (range: ByteRange) => {
    looked.push(range)
    return content.subarray(range.start, range.end)
  }
  const source = { bucket: 'b', key: 'k', bytes, etag: 'e' }
  return { source, head: content.subarray(0, headBytesMax), read, looked }
}

async function streamIn(content: Buffer, partitionBytes?: number, source?: Record<string, unknown>) {
  return streamOf(pipelineOf(source), lookAt(content), partitionBytes)
}

function taken(stream: Stream | Refusal): Stream {
  if (isRefusal(stream)) throw new Error(`${stream.code}: ${stream.words}`)
  return stream
}

/** Lines that compress to about half: 4 MiB of them. */
const large = Buffer.from(
  `id,hash,word\n${Array.from({ length: 150_000 }, (_, at) => `${at},${(at * 2654435761) % 4294967296},text\n`).join('')}`,
)

test('compression is told by the first bytes, not by the name, and the head is decompressed', async () => {
  const text = Buffer.from('id,name\n1,a\n')
  for (const [compression, bytes] of [
    ['none', text],
    ['gzip', gzipSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['zstd', Buffer.concat([skippableFrame(Buffer.from('x')), zstdCompressSync(text)])],
  ] as const) {
    const stream = taken(await streamIn(bytes))
    assert.equal(stream.compression, compression)
    assert.equal(stream.space, compression === 'none' ? 'bytes' : 'whole')
    assert.deepEqual(stream.head, { bytes: text, whole: true })
  }
})

test('a claim overrides the first bytes, and a wrong one is refused', async () => {
  const gzip = gzipSync('id\n1\n')
  const asIs = taken(await streamIn(gzip, undefined, { compression: 'none' }))
  assert.deepEqual([asIs.compression, asIs.space, asIs.head.bytes], ['none', 'bytes', gzip])
  for (const [claim, bytes] of [
    ['zstd', gzip],
    ['gzip', Buffer.from('id\n1\n')],
  ] as const) {
    const refusal = await streamIn(bytes, undefined, { compression: claim })
    assert.ok(isRefusal(refusal) && refusal.code === 'COMPRESSION_DIFFERS')
  }
  assert.equal(taken(await streamIn(Buffer.alloc(0), undefined, { compression: 'gzip' })).space, 'bytes')
})

test('what cannot be decompressed is refused with a way to make it one that can', async () => {
  const magics = {
    bzip2: '425a6839314159265359',
    snappy: 'ff060000734e61507059',
    xz: 'fd377a585a000004',
    lz4: '04224d186440',
    zip: '504b0304',
    '7z': '377abcaf271c',
  }
  for (const [name, magic] of Object.entries(magics)) {
    const refusal = await streamIn(Buffer.from(magic + '00'.repeat(20), 'hex'))
    assert.ok(isRefusal(refusal))
    assert.equal(refusal.code, 'COMPRESSION_NOT_SUPPORTED')
    assert.match(refusal.words, new RegExp(name))
    assert.ok(refusal.remedy.length > 20)
  }
  // Text that begins like bzip2 is text.
  assert.equal(taken(await streamIn(Buffer.from('BZh9,name\n1,a\n'))).compression, 'none')
})

test('a header is found also where it spans members, and the rest of the head with it', async () => {
  for (const make of [gzipMember, zstdFrame]) {
    const { head } = taken(await streamIn(membersOf(large.subarray(0, 200_000), [3, 1, 500], make), 1))
    assert.ok(head.bytes.length > 4096)
    assert.deepEqual(head.bytes, large.subarray(0, head.bytes.length))
    assert.equal(head.whole, false)
  }
})

test('small compressed objects are taken whole, large ones by members, or else in pieces', async () => {
  const single = gzipSync(large)
  const bgzf = Buffer.concat([membersOf(large, [65_280], bgzfBlock), bgzfEnd])
  const spaces = [
    [single, undefined, 'whole'],
    [single, 100_000, 'pieces'],
    [zstdCompressSync(large), 100_000, 'pieces'],
    [bgzf, 100_000, 'blocks'],
    [membersOf(large, [300_000], gzipMember), 100_000, 'blocks'],
    [membersOf(large, [300_000], zstdFrame), 100_000, 'blocks'],
    // A header of its own and then all the rest.
    [Buffer.concat([gzipMember(Buffer.from('a,b,c\n')), single]), 100_000, 'pieces'],
    [Buffer.concat([zstdFrame(Buffer.from('a,b,c\n')), zstdCompressSync(large)]), 100_000, 'pieces'],
  ] as const
  for (const [content, partitionBytes, space] of spaces) {
    assert.equal(taken(await streamIn(content, partitionBytes)).space, space)
  }
  const grown = await streamOf(pipelineOf(), lookAt(single, wholeBytesMax + 1))
  assert.equal(taken(grown).space, 'pieces')
})

test('a seekable zstd file is known by its last nine bytes', async () => {
  const footer = Buffer.from('0300000000b1ea928f', 'hex')
  const frames = Buffer.concat([zstdCompressSync(large), zstdCompressSync(large), zstdCompressSync(large)])
  const content = Buffer.concat([frames, skippableFrame(Buffer.concat([Buffer.alloc(24), footer]))])
  const look = lookAt(content)
  assert.equal(taken(await streamOf(pipelineOf(), look, 100_000)).space, 'blocks')
  assert.deepEqual(look.looked, [{ start: content.length - 9, end: content.length }])
})

test('the partitions of a file of members are cut by its compressed bytes, header and all', async () => {
  const content = membersOf(large, [300_000], gzipMember)
  const run = await planRun('r', pipelineOf({ header: true }), lookAt(content), 100_000)
  assert.ok(!isRefusal(run))
  const { dataStart, dataEnd, partitions } = run
  assert.deepEqual([dataStart, dataEnd, partitions], [0, content.length, Math.ceil(content.length / 100_000)])
  assert.ok(run.layout.skipBytes > 0)
})

test('texts of two bytes a character, and records without line ends, are not cut between members', async () => {
  const wide = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(large.toString(), 'utf16le')])
  const utf16 = await planRun('r', pipelineOf(), lookAt(membersOf(wide, [300_000], gzipMember)), 100_000)
  assert.ok(!isRefusal(utf16))
  assert.equal(utf16.layout.space, 'pieces')
  const source = { format: 'fixed', fields: [{ name: 'a', width: 10 }], recordBytes: 10 }
  const fixed = await planRun(
    'r',
    pipelineOf(source),
    lookAt(membersOf(large, [300_000], zstdFrame)),
    100_000,
  )
  assert.ok(!isRefusal(fixed))
  assert.equal(fixed.layout.space, 'pieces')
})

test('a stream that is damaged at its beginning is refused before anything is spent', async () => {
  for (const stream of [gzipSync(large.subarray(0, 5000)), zstdCompressSync(large.subarray(0, 5000))]) {
    const damaged = Buffer.from(stream)
    damaged.fill(0xff, 12, 40)
    const refusal = await streamIn(damaged)
    assert.ok(isRefusal(refusal))
    assert.equal(refusal.code, 'STREAM_CORRUPT')
  }
})

test('planning a bomb takes no more memory than planning anything else', async () => {
  for (const bomb of [
    gzipSync(Buffer.alloc(200 * 1024 ** 2)),
    zstdCompressSync(Buffer.alloc(200 * 1024 ** 2)),
  ]) {
    const stream = taken(await streamIn(bomb, 1000))
    assert.ok(stream.head.bytes.length <= 64 * 1024)
    assert.equal(stream.space, 'pieces')
  }
})
