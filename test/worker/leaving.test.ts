/** A partition can be left before any record and gone on with, or cut anywhere: the records are those of one reader. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { stateKeys } from '../../shared/documents.ts'
import { seededRandom } from '../../shared/memory/clock.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { planPieces } from '../../shared/plan/split.ts'
import { cut } from '../../shared/plan.ts'
import { avroFile, block, bytes, long, recordOf } from './avro-file.ts'
import { bgzfBlock, bgzfEnd, gzipMember, membersOf, zstdFrame } from './compressed-given.ts'
import { buckets, runId } from './given.ts'
import { all, inChunks, readInParts, readInShares, readOne, type Source } from './left.ts'
import { listedRun } from './listed.ts'
import { plannedAndTaken } from './planned.ts'

const rows = Array.from({ length: 24 }, (_, at) =>
  at % 5 === 2 ? `${at},"two\nlines, ""${at}""",x${at}` : `${at},plain ${at},${'y'.repeat(at % 17)}`,
)
const csv = (end: string, last = end): Buffer => Buffer.from(`a,b,c${end}${rows.join(end)}${last}`)
const blanks = Buffer.from(
  `a,b,c\n${rows.map((row, at) => (at % 3 ? row : `\n# a comment\n\n${row}`)).join('\n')}\n\n`,
)
const values = Array.from({ length: 24 }, (_, at) => (at % 7 ? `{"a":${at},"b":"ü${at}"}` : 'no JSON'))
const ndjson = Buffer.from(`\n${values.join('\r\n')}`)
const lines = Buffer.from(`${values.join('\n')}\n\n`)
const utf16 = Buffer.from(`\ufeff${csv('\r\n').toString()}`, 'utf16le')
const csvSource = { format: 'csv' }
const utf16Source = { format: 'csv', encoding: 'utf-16le' }
const fixedFields = [
  { name: 'a', width: 3 },
  { name: 'b', width: 3 },
]
const fixedSource = { format: 'fixed', recordBytes: 6, fields: fixedFields }
const fixed = Buffer.from(Array.from({ length: 30 }, (_, at) => `${String(at).padStart(3)}abc`).join(''))

const planned = async (
  content: Buffer,
  source: object,
  partitionBytes: number,
  key?: string,
): Promise<Source> => {
  const options = { content, source: { metadata: true, ...source }, partitionBytes, ...(key ? { key } : {}) }
  const given = await plannedAndTaken(options)
  return { ...given, objects: inChunks(given.objects, 37) }
}

/** Small as it is, planning would leave it whole. */
async function inBlocks(content: Buffer, source: object, key: string): Promise<Source> {
  const { run, objects } = await planned(content, source, 150, key)
  const partitions = Math.ceil(content.length / 150)
  const layout = { ...run.layout, space: 'blocks' as const }
  const blocks = { ...run, layout, partitionBytes: 150, partitions, dataStart: 0, dataEnd: content.length }
  return { objects, run: blocks, assignments: Array.from({ length: partitions }, (_, at) => cut(blocks, at)) }
}

async function inPieces(content: Buffer): Promise<Source> {
  const given = await planned(gzipSync(content), csvSource, 100, 'in/file.gz')
  const pieceBytes = 64
  const laid = { bytes: content.length, pieceBytes, pieces: Math.ceil(content.length / pieceBytes) }
  for (let piece = 0; piece < laid.pieces; piece++) {
    const part = content.subarray(piece * pieceBytes, (piece + 1) * pieceBytes)
    await given.objects.write({ bucket: buckets.state, key: stateKeys.piece(runId, piece) }, part)
  }
  const run = planPieces(
    { ...given.run, layout: { ...given.run.layout, space: 'pieces' } },
    laid,
    buckets.state,
  )
  assert.ok(!isRefusal(run))
  const { dataStart: start, dataEnd: end } = run
  return { ...given, run: { ...run, partitions: 1 }, assignments: [{ partition: 0, start, end }] }
}

async function inList(
  contents: Record<string, Buffer>,
  source: object,
  partitionBytes?: number,
): Promise<Source> {
  const given = await listedRun({
    contents,
    source: { metadata: true, ...source },
    ...(partitionBytes ? { partitionBytes } : {}),
  })
  return { ...given, objects: inChunks(given.objects, 37) }
}

const schema = recordOf({ a: 'long', b: 'string' })
const avroRecord = (at: number): Buffer => Buffer.concat([long(at), bytes(`text ${at}`)])
const avroBlock = (_: unknown, at: number) =>
  block(Array.from({ length: at % 4 }, (__, nth) => avroRecord(at * 10 + nth)))
const avro = (blocks: number): Buffer => avroFile(schema, Array.from({ length: blocks }, avroBlock))
const header = Buffer.from('a,b,c\n')
const many = {
  'in/1': csv('\n'),
  'in/2': Buffer.concat([header, Buffer.from('x,y,z')]),
  'in/3': header,
  'in/4.gz': gzipSync(csv('\r\n')),
  'in/5': Buffer.alloc(0),
  'in/6': Buffer.concat([Buffer.from('\ufeff'), csv('\n', '')]),
}
const member = [90, 1, 200, 33]

/** `guesses`: a share that is cut from another may begin wrongly, until it is told. */
const kinds: { name: string; guesses?: true; given: () => Promise<Source> }[] = [
  { name: 'CSV', guesses: true, given: () => planned(csv('\n'), csvSource, 400) },
  {
    name: 'CSV of CRLF, without a last one',
    guesses: true,
    given: () => planned(csv('\r\n', ''), csvSource, 4000),
  },
  { name: 'CSV behind a byte order mark', guesses: true, given: () => planned(many['in/6'], csvSource, 300) },
  {
    name: 'CSV with blank lines and comments',
    guesses: true,
    given: () => planned(blanks, { ...csvSource, comment: '#' }, 900),
  },
  { name: 'CSV of UTF-16', guesses: true, given: () => planned(utf16, utf16Source, 700) },
  { name: 'NDJSON', given: () => planned(ndjson, { format: 'ndjson' }, 300) },
  { name: 'lines', given: () => planned(lines, { format: 'lines' }, 300) },
  { name: 'records of fixed bytes', given: () => planned(fixed, fixedSource, 90) },
  { name: 'pieces', guesses: true, given: () => inPieces(csv('\n')) },
  {
    name: 'BGZF',
    guesses: true,
    given: () =>
      inBlocks(Buffer.concat([membersOf(csv('\n'), member, bgzfBlock), bgzfEnd]), csvSource, 'in/a.gz'),
  },
  {
    name: 'gzip members of NDJSON',
    guesses: true,
    given: () => inBlocks(membersOf(ndjson, member, gzipMember), { format: 'ndjson' }, 'in/a.gz'),
  },
  {
    name: 'zstd frames',
    guesses: true,
    given: () => inBlocks(membersOf(lines, member, zstdFrame), { format: 'lines' }, 'in/a.zst'),
  },
  { name: 'Avro', given: () => planned(avro(25), { format: 'avro' }, 300) },
  { name: 'a list of CSV, packed', guesses: true, given: () => inList(many, csvSource) },
  { name: 'a list of CSV, cut', guesses: true, given: () => inList(many, csvSource, 250) },
  {
    name: 'a list of NDJSON',
    given: () => inList({ 'in/1': ndjson, 'in/2': lines, 'in/3': gzipSync(lines) }, { format: 'ndjson' }),
  },
  {
    name: 'a list of JSON arrays',
    given: () =>
      inList(
        { 'in/1': Buffer.from('[{"a":1},{"a":2}]'), 'in/2': Buffer.from('[{"a":3}]') },
        { format: 'json' },
      ),
  },
  {
    name: 'a list of Avro',
    given: () => inList({ 'in/1': avro(6), 'in/2': avro(9), 'in/3': avro(3) }, { format: 'avro' }),
  },
]

describe('A partition that is left', () => {
  for (const { name, given } of kinds) {
    test(`before any record is gone on with at that record (${name})`, async () => {
      const source = await given()
      const random = seededRandom(20261121)
      let parts = 0
      for (const assignment of source.assignments) {
        const serial = await readOne(source, assignment)
        for (const leaveAfter of [() => 1, () => 1 + Math.floor(random() * 12)]) {
          const read = await readInParts(source, assignment, leaveAfter)
          assert.deepEqual(all(read), all([serial]))
          assert.deepEqual(read.at(-1)?.range?.end, serial.range?.end)
          parts += read.length
        }
      }
      assert.ok(parts > 2 * source.assignments.length, 'none was left')
    })

    test(`may be cut anywhere, with nothing said of where records begin (${name})`, async () => {
      const { guesses } = kinds.find(kind => kind.name === name) ?? {}
      const source = await given()
      const random = seededRandom(20261122)
      for (const assignment of source.assignments) {
        const serial = await readOne(source, assignment)
        const { start, end } = assignment
        for (let turn = 0; turn < 6; turn++) {
          const count = 1 + Math.floor(random() * 3)
          const cuts = Array.from({ length: count }, () => start + Math.floor(random() * (end - start + 1)))
          const { shares, told, cursor } = await readInShares(
            source,
            assignment,
            cuts.toSorted((a, b) => a - b),
          )
          assert.deepEqual(all(shares), all([serial]), `cut at ${cuts}`)
          if (serial.range) assert.deepEqual(cursor?.at, serial.range.end)
          if (!guesses) assert.equal(told, 0)
        }
      }
    })

    test(`and of which nothing is left reads nothing (${name})`, async () => {
      const source = await given()
      const { end } = source.assignments[0] ?? assert.fail()
      for (const at of [source.run.dataStart, Math.floor(end / 2), end]) {
        const { range, records, rejected } = await readOne(source, { partition: 999, start: at, end: at })
        assert.deepEqual([range, records, rejected], [undefined, '', 0])
      }
    })
  }
})

test('a share of a list that guesses wrong is proven from the start of the object it begins in', async () => {
  const misleading = Buffer.from(`a,b\n1,"${'2,3\n'.repeat(50)}"\n4,5\n`)
  const source = await inList({ 'in/1': Buffer.from('a,b\n0,0\n'), 'in/2': misleading }, csvSource)
  const { end } = source.assignments[0] ?? assert.fail()
  const { range } = await readOne(source, { partition: 7, start: 100, end })
  assert.deepEqual(range, { start: end - 4, end })
})
