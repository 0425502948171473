import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { givenRun, rowsOf, worked } from './given.ts'
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
