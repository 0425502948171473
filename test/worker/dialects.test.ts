import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { isError } from '../../shared/errors.ts'
import type { CsvDialect } from '../../shared/layout.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { formatOf } from '../../worker/read/format.ts'
import { readPartition } from '../../worker/read/partition.ts'
import { Rejects } from '../../worker/read/rejects.ts'
import { Spool } from '../../worker/read/spool.ts'
import { objectsOver, runOf } from '../ugly/cuts.ts'
import { inputOf } from '../ugly/inputs.ts'
import { readPartitioned, rowsOf as spooledRows } from '../ugly/partitioned.ts'
import { rejectsOf, rowsOf, worked } from './given.ts'
import { naiveCsv } from './naive-csv.ts'
import { plannedAndTaken } from './planned.ts'

type Rows = (string | null)[][]

const rfc = { delimiter: ',', quote: '"', escape: '', comment: '' }

function sourceOf(dialect: Partial<CsvDialect>, columns: number) {
  const names = Array.from({ length: columns }, (_, at) => [`c${at}`, 'VARCHAR'])
  return { header: false, columns: Object.fromEntries(names), encoding: 'utf-8', ...rfc, ...dialect }
}

/** Cut at every byte, in chunks of every small size, it must give `rows`. */
async function everyCutGives(text: string, dialect: Partial<CsvDialect>, columns: number, rows: Rows) {
  const input = inputOf('csv/a.csv', Buffer.from(text), sourceOf(dialect, columns))
  for (let bytes = 1; bytes <= input.content.length; bytes++) {
    const read = await readPartitioned(input, bytes, 1 + (bytes % 4))
    assert.ok(!isRefusal(read), JSON.stringify(read))
    assert.deepEqual({ rows: read.rows, rejected: read.rejected }, { rows, rejected: 0 }, `cut at ${bytes}`)
  }
}

test('CRLF and LF mixed, a lone CR, NUL, a tab and line separators of Unicode are data or line ends as RFC 4180 has it', async () => {
  const text = 'a,b\r\n"c\r\nd","e\n""f"\n\n\r\ng\rh,\0\n\ti,\u2028\u0085\n"",\n'
  const rows = [
    ['a', 'b'],
    ['c\r\nd', 'e\n"f'],
    ['g\rh', '\0'],
    ['\ti', '\u2028\u0085'],
    ['', null],
  ]
  await everyCutGives(text, {}, 2, rows)
  const options = { record_delimiter: ['\n', '\r\n'], skip_empty_lines: true }
  assert.deepEqual(
    parse(text, options).map((row: string[]) => row.map(String)),
    rows.map(row => row.map(one => one ?? '')),
  )
})

test('a delimiter of several bytes is found wherever a cut falls into it, and half of one is data', async () => {
  await everyCutGives('a||b\n|c|||d|\n"x||y"||"z"\n||\n', { delimiter: '||' }, 2, [
    ['a', 'b'],
    ['|c', '|d|'],
    ['x||y', 'z'],
    [null, null],
  ])
  await everyCutGives('ä¦b\n"Â¦"¦¬\n', { delimiter: '¦' }, 2, [
    ['ä', 'b'],
    ['Â¦', '¬'],
  ])
})

test('an escape makes a quote, a delimiter, a newline or itself data; a bare \\N is NULL', async () => {
  const text = 'a\\,b,"c\\"d"\n\\\ne,"f\\\\"\ng\\\r\nh,\\N\n"\\ü","i""j"\n\\"m,"\\\n,"\n'
  await everyCutGives(text, { escape: '\\' }, 2, [
    ['a,b', 'c"d'],
    ['\ne', 'f\\'],
    ['g\r\nh', null],
    ['ü', 'i"j'],
    ['"m', '\n,'],
  ])
})

test('an escape before a letter or digit, of which readers make different things, is rejected and not guessed', async () => {
  const text = 'a\\nb,c\n"\\t",d\ne,"\\N"\nf,\\Ng\n\\0,h\n\\\\n,i\n'
  const { rows, rejects } = await published(text, { escape: '\\' })
  assert.deepEqual(rows, [['\\n', 'i']])
  assert.deepEqual(
    rejects.map(({ byteOffset }) => byteOffset),
    [0, 7, 14, 21, 27],
  )
  assert.match(rejects[0]?.reason ?? '', /^An escape stands before a letter or digit/)
})

test('a comment line is no record and opens no quote; the character is data anywhere else', async () => {
  const text = '#one "\na,#b\n# two, ",\r\n"#c",d#\n#\n"e\n#f",g\n#last'
  await everyCutGives(text, { comment: '#' }, 2, [
    ['a', '#b'],
    ['#c', 'd#'],
    ['e\n#f', 'g'],
  ])
})

test('where nothing is quoted a quote is data, and every newline ends a record', async () => {
  await everyCutGives('"a,b"\nc,""\n,"', { quote: '' }, 2, [
    ['"a', 'b"'],
    ['c', '""'],
    [null, '"'],
  ])
})

test('records longer than a partition, and none that ends in a newline, are read once', async () => {
  const long = 'x'.repeat(70)
  await everyCutGives(`${long},"${long}\n"\n"\n${long}",y`, {}, 2, [
    [long, `${long}\n`],
    [`\n${long}`, 'y'],
  ])
})

const dialects: CsvDialect[] = [
  { delimiter: ',', quote: '"' },
  { delimiter: '||', quote: '"' },
  { delimiter: ',', quote: '"', escape: '\\' },
  { delimiter: '||', quote: '"', escape: '\\', comment: '#' },
  { delimiter: ',', quote: '', escape: '\\' },
  { delimiter: '|', quote: '' },
  { delimiter: ',', quote: '"', comment: '#' },
]
const noise = fc.string({
  unit: fc.constantFrom('a', '"', ',', '|', '||', '\\', '#', '\n', '\r', 'ü', 'N'),
  maxLength: 40,
})

test('any text at all is read in any dialect as a naive reader of whole texts reads it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-dialects-'))
  const anything = fc.tuple(noise, fc.constantFrom(...dialects), fc.integer({ min: 1, max: 9 }))
  const property = fc.asyncProperty(anything, async ([text, dialect, chunkBytes]) => {
    const expected = naiveCsv(text, dialect, 2)
    const read = await readWhole(dir, text, dialect, chunkBytes)
    if (expected.runaway) return assert.equal(read, 'BAD_INPUT')
    const rows = expected.rows.map(row => row.map(field => field ?? null))
    assert.deepEqual(read, { rows, rejected: expected.rejected })
  })
  await fc.assert(property, { seed: 20260301, numRuns: 4000 }).finally(() => rmSync(dir, { recursive: true }))
})

function runFor(csv: CsvDialect, content: Buffer) {
  const plain = { encoding: 'utf-8', compression: 'none', space: 'bytes', skipBytes: 0 } as const
  return runOf(
    { content, layout: { format: 'csv', ...plain, csv }, columns: ['a', 'b'], rows: [] },
    Math.max(1, content.length),
  )
}

async function readWhole(dir: string, text: string, csv: CsvDialect, chunkBytes: number) {
  const content = Buffer.from(text)
  const run = runFor(csv, content)
  const format = formatOf(run)
  const spool = new Spool(join(dir, 'spool'), format.dialect)
  const rejects = new Rejects(join(dir, 'rejects'), 0, run)
  const assignment = { partition: 0, start: 0, end: content.length }
  try {
    await readPartition(
      { objects: objectsOver(content, chunkBytes), run, assignment, format },
      spool,
      rejects,
    )
    return { rows: spooledRows(readFileSync(spool.file), format.dialect), rejected: rejects.count }
  } catch (error) {
    if (isError(error, 'BAD_INPUT')) return error.code
    throw error
  } finally {
    spool.close()
    rmSync(spool.file)
    rmSync(rejects.file, { force: true })
  }
}

async function published(
  text: string,
  dialect: Partial<CsvDialect>,
  more: Record<string, unknown> = {},
  sql = 'SELECT * FROM output',
) {
  const source = { format: 'csv', ...sourceOf(dialect, 2), ...more }
  const given = await plannedAndTaken({ content: Buffer.from(text), source, rejectedRecords: 100 })
  const { exitCode, partition, log } = await worked(given)
  assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
  return { rows: await rowsOf(given, sql), rejects: await rejectsOf(given, partition?.report?.rejectsKey) }
}

const bytes = (value: string): string => Buffer.from(value).toString('hex').toUpperCase()

test('what DuckDB has no words for is published value by value', async () => {
  const text = '#x\n\\N¦"a\x1e\x1f""\r\n"\n""¦\ufeffb\\¦\n\\\r¦#\n'
  // As hexadecimal digits, because the driver drops a byte order mark that begins a value.
  const sql = 'SELECT hex(c0), hex(c1) FROM output'
  const { rows } = await published(text, { delimiter: '¦', escape: '\\', comment: '#' }, {}, sql)
  assert.deepEqual(rows, [
    [null, bytes('a\x1e\x1f"\r\n')],
    ['', bytes('\ufeffb¦')],
    [bytes('\r'), bytes('#')],
  ])
})

test('a single column whose value is NULL is still a record', async () => {
  const columns = { only: 'VARCHAR' }
  const { rows } = await published('\\N\na\n\\N\n', { escape: '\\' }, { columns })
  assert.deepEqual(rows, [[null], ['a'], [null]])
})

test('under pad, fields that lack at the end are NULL, and records with too many are rejected, in any dialect', async () => {
  for (const delimiter of [',', '||']) {
    const d = delimiter
    const { rows, rejects } = await published(
      `a\n"b\nc"${d}\nd${d}e${d}f\n""\n`,
      { delimiter },
      { ragged: 'pad' },
    )
    assert.deepEqual(rows, [
      ['a', null],
      ['b\nc', null],
      ['', null],
    ])
    assert.deepEqual(
      rejects.map(({ byteOffset, raw }) => ({ byteOffset, raw })),
      [{ byteOffset: 8 + delimiter.length, raw: `d${d}e${d}f` }],
    )
  }
})

test('a dialect whose characters cannot be told apart is refused before anything is read', () => {
  const unclear: CsvDialect[] = [
    { delimiter: '"', quote: '"' },
    { delimiter: '|"', quote: '"' },
    { delimiter: ',', quote: '"', escape: ',' },
    { delimiter: ',', quote: '"', escape: '#', comment: '#' },
  ]
  for (const csv of unclear) {
    assert.throws(() => formatOf(runFor(csv, Buffer.from('a'))), { code: 'PIPELINE_INVALID' })
    assert.throws(() => inputOf('csv/a.csv', Buffer.from('a'), { ...csv }), /must differ|must be/)
  }
})

test('comments and blank lines before the header are skipped, and the records behind it found', async () => {
  const source = { header: true, columns: { 'a\nb': 'VARCHAR', c: 'INTEGER' } }
  const { rows } = await published('#x,"\n\n#\na\\\nb,c\n#y\nz,1\n', { comment: '#', escape: '\\' }, source)
  assert.deepEqual(rows, [['z', 1]])
})

test('a NUL can be the delimiter or the quote, though SQL cannot say it', async () => {
  const columns = { a: 'INTEGER', b: 'VARCHAR' }
  for (const [dialect, text] of [
    [{ delimiter: '\0' }, '1\0x'],
    [{ quote: '\0' }, '1,\0x\0'],
  ] as const) {
    const source = { format: 'csv', columns, header: false, ...rfc, ...dialect }
    const given = await plannedAndTaken({ content: Buffer.from(`${text}\n`), source })
    assert.equal((await worked(given)).exitCode, 0)
    assert.deepEqual(await rowsOf(given), [[1, 'x']])
  }
})
