import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { RejectedRecord } from '../../shared/documents.ts'
import { bgzfBlock, bgzfEnd } from './compressed-given.ts'
import { buckets, givenRun, rejectsOf, rowsOf, worked } from './given.ts'
import { listedRun } from './listed.ts'
import { plannedAndTaken } from './planned.ts'

/** Rows of all partitions, with the columns that `metadata` adds. */
async function rowsRead(
  content: Buffer,
  source: Record<string, unknown>,
  sql: string,
  partitionBytes?: number,
) {
  const cut = partitionBytes === undefined ? {} : { partitionBytes }
  const given = await plannedAndTaken({ content, source: { metadata: true, ...source }, sql, ...cut })
  for (const { partition } of given.assignments) {
    const { exitCode, log } = await worked(given, { index: partition })
    assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
  }
  return { rows: await rowsOf(given), given }
}

const place = '_filename, _object_version, _byte_offset'

test('metadata columns name the object, its version and the byte at which each record begins, in every partition', async () => {
  const content = Buffer.from('a,b\n1,"x\ny"\n\n2,ü\n3,\n')
  const source = { format: 'csv', header: true }
  const { rows, given } = await rowsRead(content, source, `SELECT a, b, ${place} FROM input`, 7)
  const { key, version } = given.run.source
  assert.ok(version)
  const at = (record: string) => String(content.indexOf(record))
  assert.deepEqual(rows, [
    ['1', 'x\ny', key, version, at('1,')],
    ['2', 'ü', key, version, at('2,')],
    ['3', null, key, version, at('3,')],
  ])
})

test('without metadata there are no such columns, and a file may have them itself', async () => {
  const given = await givenRun({ text: '_filename,b\nown,2\n' })
  assert.equal((await worked(given)).exitCode, 0)
  assert.deepEqual(await rowsOf(given), [['own', '2']])
})

test('offsets are those of the object in UTF-16, in NDJSON, in lines and in a log with comments', async () => {
  const utf16 = Buffer.from('\ufeffa\n1\nüü\n3\n', 'utf16le')
  const csv = await rowsRead(
    utf16,
    { format: 'csv', header: true, columns: { a: 'VARCHAR' } },
    'SELECT a, _byte_offset FROM input',
  )
  assert.deepEqual(csv.rows, [
    ['1', '6'],
    ['üü', '10'],
    ['3', '16'],
  ])
  const ndjson = await rowsRead(
    Buffer.from('{"a":1}\n\n{"a":2}'),
    { format: 'ndjson', columns: { a: 'INTEGER' } },
    'SELECT * FROM input',
  )
  assert.deepEqual(
    ndjson.rows.map(([a, json, , , offset]) => [a, json, offset]),
    [
      [1, '{"a":1}', '0'],
      [2, '{"a":2}', '9'],
    ],
  )
  const lines = await rowsRead(
    Buffer.from('x\n\ny'),
    { format: 'lines' },
    'SELECT line, _byte_offset FROM input',
  )
  assert.deepEqual(lines.rows, [
    ['x', '0'],
    ['', '2'],
    ['y', '3'],
  ])
  const log = await rowsRead(
    Buffer.from('k=1\nk=2\n'),
    { format: 'lines', pattern: 'k=(?<k>\\d)', columns: { k: 'INTEGER' } },
    'SELECT k, _byte_offset FROM input',
  )
  assert.deepEqual(log.rows, [
    [1, '0'],
    [2, '4'],
  ])
})

test('in an object that is one compressed stream, the offset is that of its decompressed bytes', async () => {
  const content = gzipSync('a\n1\n22\n3\n')
  const source = { format: 'csv', header: true, columns: { a: 'VARCHAR' } }
  const { rows } = await rowsRead(content, source, 'SELECT a, _byte_offset FROM input')
  assert.deepEqual(rows, [
    ['1', '2'],
    ['22', '4'],
    ['3', '7'],
  ])
})

test('rescued fields and places stand together', async () => {
  const content = Buffer.from('a,b,c\n1,2,3\n4,,\n')
  const source = { format: 'csv', columns: { a: 'INTEGER' }, drift: 'ignore', rescued: 'rest', header: true }
  const { rows } = await rowsRead(content, source, 'SELECT a, rest, _byte_offset FROM input')
  assert.deepEqual(rows, [
    [1, '{"b":"2","c":"3"}', '6'],
    [4, null, '12'],
  ])
})

test('in an object of compressed blocks, the offset is that of the block that holds the byte before the record', async () => {
  const rowsOfBlock = (block: number) =>
    Array.from(
      { length: 200 },
      (_, row) => `${block},${createHash('sha256').update(`${block} ${row}`).digest('hex')}\n`,
    )
  const blocks = Array.from({ length: 40 }, (_, block) =>
    bgzfBlock(Buffer.from((block === 0 ? 'block,text\n' : '') + rowsOfBlock(block).join(''))),
  )
  const begins = blocks.map((_, block) => Buffer.concat(blocks.slice(0, block)).length)
  const source = { format: 'csv', header: true, columns: { block: 'INTEGER', text: 'VARCHAR' } }
  const sql = 'SELECT block, _byte_offset FROM input'
  const { rows, given } = await rowsRead(Buffer.concat([...blocks, bgzfEnd]), source, sql, 100_000)
  assert.equal(given.run.layout.space, 'blocks')
  assert.ok(given.assignments.length > 1)
  const expected = begins.flatMap((begin, block) =>
    Array.from({ length: 200 }, (_, row) => [block, String(row > 0 ? begin : (begins[block - 1] ?? 0))]),
  )
  assert.deepEqual(rows, expected)
})

test('in a run over many objects, each record and each reject names its own', async () => {
  const texts: Record<string, string> = { 'in/a': 'n\n1\nx\n', 'in/é': 'n\n22\n', 'in/z': 'n\ny\n3\n' }
  const source = { format: 'csv', header: true, columns: { n: 'INTEGER' }, metadata: true }
  const sql = `SELECT n, ${place} FROM input`
  const contents = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text)]))
  const given = await listedRun({ contents, source, sql, rejectedRecords: 9 })
  const { partition, exitCode } = await worked(given)
  assert.equal(exitCode, 0)
  const versions = new Map<string, string | undefined>()
  for (const key of Object.keys(texts)) {
    versions.set(key, (await given.objects.head({ bucket: buckets.drops, key }))?.version)
  }
  const version = (key: string) => versions.get(key)
  assert.deepEqual(await rowsOf(given), [
    [1, 'in/a', version('in/a'), '2'],
    [22, 'in/é', version('in/é'), '2'],
    [3, 'in/z', version('in/z'), '4'],
  ])
  const rejects = (await rejectsOf(given, partition?.report?.rejectsKey)) as unknown as RejectedRecord[]
  assert.deepEqual(
    rejects.map(reject => [reject.key, reject.version, reject.byteOffset, reject.line, reject.raw]),
    [
      ['in/a', version('in/a'), 4, 3, 'x'],
      ['in/z', version('in/z'), 2, 2, 'y'],
    ],
  )
})
