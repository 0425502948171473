import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { MillraceError } from '../../shared/errors.ts'
import {
  bgzfBlock,
  bgzfEnd,
  type Compressed,
  gzipMember,
  membersOf,
  type ReadAll,
  readAll,
  skippableFrame,
  zstdFrame,
} from './compressed-given.ts'

const partitionSizes = [1, 2, 7, 19, 30, 61, 128, 100_000]
const header = 'id,text\n'
const rows = Array.from({ length: 14 }, (_, at) =>
  at % 3 === 1 ? `${at},"two\nlines, ""${at}"""` : `${at},plain ${at}`,
)
const csv = Buffer.from(`${header}${rows.join('\n')}\n`)
const expected = parse(csv, { from: 2 })

async function assertReads(content: Buffer, compression: 'gzip' | 'zstd', sizes = partitionSizes) {
  for (const partitionBytes of sizes) {
    const given: Compressed = {
      content,
      compression,
      space: 'blocks',
      columns: ['id', 'text'],
      skipBytes: header.length,
      partitionBytes,
    }
    const all = await readAll(given)
    assert.deepEqual(parse(all.records), expected, `in partitions of ${partitionBytes} bytes`)
    assert.equal(all.rejected, 0)
  }
}

test('BGZF, cut anywhere, gives the records of the file, whatever spans its blocks', async () => {
  for (const size of [9, 23, 64]) {
    const blocks = membersOf(csv, [size], bgzfBlock)
    await assertReads(Buffer.concat([blocks, bgzfEnd]), 'gzip', size === 64 ? undefined : [13, 61, 200])
  }
})

test('members without content stand in no one’s way, at the beginning, between, and at the end', async () => {
  const nothing = Buffer.alloc(0)
  for (const make of [gzipMember, zstdFrame]) {
    const empty = Buffer.concat([make(nothing), make(nothing)])
    const parts = [0, header.length, 40, 40, 81, 160].map((from, at, all) => csv.subarray(from, all[at + 1]))
    const members = parts.map(part => Buffer.concat([empty, make(part), empty]))
    await assertReads(Buffer.concat(members), make === zstdFrame ? 'zstd' : 'gzip', [11, 45, 90])
  }
})

test('members in which there is a header and nothing else, or nothing at all, are read to their end', async () => {
  const nothing = Buffer.alloc(0)
  for (const make of [gzipMember, zstdFrame]) {
    const headerOnly = membersOf(Buffer.from(header), [3], make)
    for (const [content, skipBytes] of [
      [headerOnly, header.length],
      [Buffer.concat([headerOnly, make(nothing)]), header.length],
      [Buffer.concat([make(nothing), make(nothing)]), 0],
    ] as const) {
      for (const partitionBytes of [7, 25, 100_000]) {
        const compression = make === zstdFrame ? 'zstd' : 'gzip'
        const columns = ['id', 'text']
        const all = await readAll({
          content,
          compression,
          space: 'blocks',
          columns,
          skipBytes,
          partitionBytes,
        })
        assert.deepEqual(all, { records: '', rejected: 0, replanned: 0, proven: 0 })
      }
    }
  }
})

test('zstd frames, with skippable ones between them that hold whole frames as data, give the records', async () => {
  const bait = skippableFrame(zstdFrame(Buffer.from('98,bait\n99,bait\n')))
  const frames = membersOf(csv, [50, 3, 31], content => Buffer.concat([bait, zstdFrame(content)]))
  await assertReads(Buffer.concat([frames, bait]), 'zstd', [17, 64, 200])
})

test('a whole member that is data of a stored block is taken for a member, and found out', async () => {
  const bait = gzipMember(Buffer.from('8,bait\n9,bait\n'.repeat(5)))
  // Binary data in a text file: as Latin-1 characters in UTF-8 it would no longer be a member.
  const lines = [
    Buffer.from('first line\n'),
    bait,
    Buffer.from('\nlast line\n'),
    bait,
    Buffer.from('\nend\n'),
  ]
  const content = Buffer.concat([
    bgzfBlock(Buffer.concat(lines), 0),
    bgzfBlock(Buffer.from('more\n')),
    bgzfEnd,
  ])
  const given: Compressed = { content, compression: 'gzip', space: 'blocks', partitionBytes: content.length }
  const serial = await readAll(given)
  assert.ok(serial.records.includes('more'))
  let proven = 0
  for (const partitionBytes of [3, 20, 40, 77]) {
    const cut = await readAll({ ...given, partitionBytes })
    assert.deepEqual([cut.records, cut.rejected], [serial.records, serial.rejected])
    proven += cut.proven
  }
  assert.ok(proven > 0, 'no false member was taken')
})

test('a false member that reads to its end among sound ones misleads nobody for long', async () => {
  // The stored content goes on, behind the false member, with the very bytes that a member could follow with.
  const fake = Buffer.concat([bgzfBlock(Buffer.from('7,fake\n')), bgzfBlock(Buffer.from('7,fake\n'))])
  const stored = Buffer.concat([Buffer.from('1,one\n2,"'), fake, Buffer.from('"\n')])
  const content = Buffer.concat([
    bgzfBlock(Buffer.from('id,text\n')),
    bgzfBlock(stored, 0),
    bgzfBlock(Buffer.from('3,three\n4,four\n')),
    bgzfEnd,
  ])
  const given = { compression: 'gzip', space: 'blocks', columns: ['id', 'text'], skipBytes: 8 } as const
  const serial = await readAll({ ...given, content, partitionBytes: content.length })
  let replanned = 0
  for (const partitionBytes of [10, 25, 50, 80]) {
    const cut = await readAll({ ...given, content, partitionBytes })
    assert.deepEqual([cut.records, cut.rejected], [serial.records, serial.rejected])
    replanned += cut.replanned
  }
  assert.ok(replanned > 0, 'no false member was taken')
})

test('any text in members of any sizes gives what one reader sees, in partitions of any size', async () => {
  const line = fc.string({ unit: fc.constantFrom('a', 'ü', ',', '"', '\n', '\r\n', 'x\n'), maxLength: 20 })
  const given = fc.record({
    text: fc.array(line, { minLength: 1, maxLength: 12 }).map(lines => lines.join('') || 'x'),
    sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
    make: fc.constantFrom(gzipMember, bgzfBlock, zstdFrame),
    partitionBytes: fc.integer({ min: 15, max: 150 }),
    columns: fc.constantFrom(undefined, ['a', 'b']),
  })
  const property = fc.asyncProperty(given, async ({ text, sizes, make, partitionBytes, columns }) => {
    const members = membersOf(Buffer.from(text), sizes, make)
    const content = make === bgzfBlock ? Buffer.concat([members, bgzfEnd]) : members
    const one = {
      content,
      compression: make === zstdFrame ? 'zstd' : 'gzip',
      space: 'blocks',
      columns,
    } as const
    const serial = await readAll({ ...one, space: 'whole', partitionBytes: content.length }).catch(codeOf)
    const cut = await readAll({ ...one, partitionBytes }).catch(codeOf)
    assert.deepEqual(outcomeOf(cut), outcomeOf(serial))
  })
  await fc.assert(property, { seed: 20260210, numRuns: 120 })
})

const outcomeOf = (all: ReadAll | string) => (typeof all === 'string' ? all : [all.records, all.rejected])

function codeOf(error: unknown): string {
  if (error instanceof MillraceError) return error.code
  throw error
}
