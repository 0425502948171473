/** Many Parquet files as one source: what DuckDB, given the same files, says of them. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { Report } from '../../shared/records.ts'
import { type Given, rejectsOf, rowsOf, worked } from './given.ts'
import { failureOf, type ListedOptions, listedRun, workedAll } from './listed.ts'

let dir: string
let instance: DuckDBInstance
let connection: DuckDBConnection
let files = 0

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-parquet-objects-'))
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
})

after(async () => {
  connection.closeSync()
  instance.closeSync()
  await rm(dir, { recursive: true })
})

async function written(select: string, options = 'COMPRESSION zstd'): Promise<Buffer> {
  const file = join(dir, `${files++}.parquet`)
  await connection.run(`COPY (${select}) TO '${file}' (FORMAT parquet, ${options})`)
  return readFile(file)
}

/** What DuckDB reads of the contents, in their order, columns by name. */
async function seenByDuckDb(contents: Buffer[]): Promise<unknown[][]> {
  const names: string[] = []
  for (const content of contents) {
    names.push(join(dir, `${files++}.parquet`))
    await writeFile(names.at(-1) ?? '', content)
  }
  const list = names.map(name => `'${name}'`).join(', ')
  const sql = `SELECT * FROM read_parquet([${list}], union_by_name = true)`
  return (await connection.runAndReadAll(sql)).getRowsJson()
}

const parquet = (contents: Record<string, Buffer>, over: Partial<ListedOptions> = {}): ListedOptions => ({
  ...over,
  contents,
  source: { format: 'parquet', ...over.source },
})

const sum = (reports: { report?: Report }[], count: (report: Report) => number): number =>
  reports.reduce((all, { report }) => all + (report ? count(report) : 0), 0)

async function rejected(given: Given) {
  const { exitCode, partition } = await worked(given)
  assert.equal(exitCode, 0, JSON.stringify(partition?.failures))
  return { report: partition?.report, rejects: await rejectsOf(given, partition?.report?.rejectsKey) }
}

describe('many Parquet files', () => {
  it('packed in partitions of any size give the rows that DuckDB sees in them, in their order', async () => {
    const contents: Record<string, Buffer> = { 'in/_SUCCESS': Buffer.alloc(0) }
    for (let at = 0; at < 25; at++) {
      const rows = at === 7 ? 0 : 100 + at * 40
      const select = `SELECT i + ${at * 10_000} AS id, 'text ' || i AS text, [i] AS list, {a: i, b: {c: i::VARCHAR}} AS nested,
        TIMESTAMP_NS '2020-01-01 00:00:00.123456789' + INTERVAL (i) SECOND AS nanos, 'x'::BLOB AS bytes,
        TIMESTAMPTZ '2020-01-01 00:00:00+02' AS instant FROM range(${rows}) r(i)`
      contents[`in/${String(at).padStart(2, '0')}.parquet`] = await written(select, 'ROW_GROUP_SIZE 2048')
    }
    const all = Object.values(contents)
    const expected = await seenByDuckDb(all.slice(1))
    const bytes = all.reduce((total, { length }) => total + length, 0)
    for (const partitions of [1, 4, 100]) {
      const given = await listedRun(parquet(contents, { partitionBytes: Math.ceil(bytes / partitions) }))
      const reports = await workedAll(given)
      assert.ok(reports.length >= Math.min(partitions, 20), `${reports.length} partitions`)
      assert.equal(
        sum(reports, one => one.recordsRead),
        expected.length,
      )
      assert.deepEqual(await rowsOf(given), expected)
    }
  })

  it('are read by name where their columns stand in another order', async () => {
    const contents = {
      a: await written("SELECT 1 AS id, 'one' AS name"),
      b: await written("SELECT 'two' AS name, 2 AS id"),
    }
    const given = await listedRun(parquet(contents))
    await workedAll(given)
    assert.deepEqual(await rowsOf(given), [
      [1, 'one'],
      [2, 'two'],
    ])
  })

  it('give NULL for what one of them lacks, and drop what no column names, where drift is ignored', async () => {
    const contents = {
      a: await written("SELECT 1 AS id, 'one' AS name, {x: 1} AS nested"),
      b: await written('SELECT 2 AS id, 3 AS other'),
    }
    const given = await listedRun(parquet(contents, { source: { drift: 'ignore' } }))
    await workedAll(given)
    assert.deepEqual(await rowsOf(given), [
      [1, 'one', { x: 1 }],
      [2, null, null],
    ])
  })

  it('name the file of each row, and its version', async () => {
    const contents = { a: await written('SELECT 1 AS id'), b: await written('SELECT 2 AS id') }
    const given = await listedRun(parquet(contents, { source: { metadata: true } }))
    await workedAll(given)
    const { objects: listed } = await given.objects.list('drops', '')
    const versions = await Promise.all(listed.map(({ key }) => given.objects.head({ bucket: 'drops', key })))
    assert.deepEqual(
      await rowsOf(given),
      ['a', 'b'].map((key, at) => [at + 1, key, versions[at]?.version ?? null, null]),
    )
  })

  const values = (list: string[], type: string): Promise<Buffer> =>
    written(`SELECT v AS v FROM (VALUES ${list.map(value => `(${value}::${type})`).join(', ')}) r(v)`)
  const kinds: [string, string, string[], string[]][] = [
    ['BIGINT', 'INTEGER', ['1', '-7'], []],
    ['INTEGER', 'BIGINT', ['5'], ['2147483648']],
    ['FLOAT', 'DOUBLE', ['0.5', "'nan'"], ['0.1']],
    ['UBIGINT', 'BIGINT', ['5'], ['-1']],
    ['DOUBLE', 'BIGINT', ['9007199254740992'], ['9007199254740993']],
    ['DECIMAL(9,2)', 'DECIMAL(12,3)', ['1.250'], ['1.255']],
    ['VARCHAR', 'INTEGER', ['7'], []],
    ['INTEGER', 'VARCHAR', ["'7'"], ["'seven'"]],
    ['BLOB', 'VARCHAR', ["'u'"], []],
    ['VARCHAR', 'BLOB', ["'a'"], ["'\\xFF'"]],
    ['TIMESTAMP', 'TIMESTAMP_NS', ["'2020-01-01 00:00:00.000001'"], ["'2020-01-01 00:00:00.000000001'"]],
    ['TIMESTAMP_NS', 'TIMESTAMP', ["'2020-01-01 00:00:00.000001'"], ["'3020-01-01 00:00:00'"]],
  ]
  for (const [first, type, fitting, misfitting] of kinds) {
    it(`take ${type} where the first has ${first} only as far as each value fits exactly`, async () => {
      const contents = {
        a: await values(['NULL'], first),
        b: await values(['NULL', ...fitting, ...misfitting], type),
      }
      const given = await listedRun(parquet(contents, { rejectedRecords: 10 }))
      const { report, rejects } = await rejected(given)
      assert.equal(report?.recordsRead, 2 + fitting.length + misfitting.length)
      assert.equal(report?.recordsRejected, misfitting.length)
      const rows = await rowsOf(given, 'SELECT typeof(v), count(*), count(v) FROM output GROUP BY ALL')
      assert.deepEqual(rows, [[first, `${2 + fitting.length}`, `${fitting.length}`]])
      const cells = fitting.map(value => `(${value}::${type}::${first})`).join(', ')
      const same = `SELECT count(*) FROM output JOIN (VALUES ${cells}) r(w) ON v = w`
      assert.deepEqual(await rowsOf(given, same), [[`${fitting.length}`]])
      assert.ok(rejects.every(({ column, reason }) => column === 'v' && reason.includes('(both from 0)')))
    })
  }

  it('tell of a rejected row which file it is in, and where', async () => {
    const rows = "SELECT CASE WHEN i = 2500 THEN 'no' ELSE i::VARCHAR END AS id FROM range(3000) r(i)"
    const contents = {
      a: await written('SELECT 1::VARCHAR AS id'),
      b: await written(rows, 'ROW_GROUP_SIZE 2048'),
      c: await written("SELECT 'x' AS id"),
    }
    const source = { columns: { id: 'INTEGER' } }
    const given = await listedRun(parquet(contents, { source, rejectedRecords: 2 }))
    const { report, rejects } = await rejected(given)
    assert.deepEqual([report?.recordsRead, report?.recordsRejected], [3002, 2])
    const [b, c] = rejects as unknown as {
      key: string
      version: string
      byteOffset: number
      reason: string
      raw: string
    }[]
    assert.match(b?.reason ?? '', /^Row 452 of row group 1 /)
    assert.match(c?.reason ?? '', /^Row 0 of row group 0 /)
    assert.deepEqual([b?.key, b?.raw, c?.key, c?.raw], ['b', '{"id":"no"}', 'c', '{"id":"x"}'])
    assert.ok(b && b.byteOffset > 1000 && b.byteOffset < contents.b.length && c?.byteOffset === 4)
    const version = (await given.objects.head({ bucket: 'drops', key: 'b' }))?.version
    assert.equal(b.version, version)
    assert.deepEqual(await rowsOf(given, 'SELECT count(*), sum(id) FROM output'), [
      ['3000', `${1 + 4498500 - 2500}`],
    ])
  })
})

describe('a Parquet file among others', () => {
  const refusals: [string, string, string, Record<string, unknown>?][] = [
    ['has other columns', 'SELECT 1 AS id, 2 AS other', 'COLUMNS_DIFFER'],
    ['has columns that the first lacks', 'SELECT 1 AS id, 2 AS other', 'COLUMNS_DIFFER', { drift: 'widen' }],
    ['has none of the columns', 'SELECT 1 AS other', 'COLUMNS_DIFFER', { drift: 'ignore' }],
    ['has types that cannot fit', "SELECT DATE '2020-01-01' AS id", 'COLUMN_TYPES_DIFFER'],
    ['has nested values of another shape', 'SELECT [1] AS id', 'COLUMN_TYPES_DIFFER'],
  ]
  for (const [what, select, code, source = {}] of refusals) {
    it(`cannot be taken where it ${what}: the run is refused, and the file is named`, async () => {
      const contents = { 'in/a': await written('SELECT 1 AS id'), 'in/b': await written(select) }
      const failure = await failureOf(await listedRun(parquet(contents, { source })))
      assert.deepEqual([failure.code, failure.refusal], ['BAD_INPUT', code])
      assert.match(failure.reason, /^in\/b: /)
    })
  }

  it('cannot be corrupt, cut short or another by now', async () => {
    const a = await written('SELECT 1 AS id')
    const b = await written('SELECT i AS id FROM range(5000) r(i)', 'COMPRESSION uncompressed')
    const short = await failureOf(await listedRun(parquet({ a, b: b.subarray(0, -9) })))
    assert.deepEqual([short.refusal, short.reason.slice(0, 3)], ['PARQUET_NOT_VALID', 'b: '])
    const flipped = Buffer.from(b)
    flipped.fill(0xff, 5, 25)
    const corrupt = await failureOf(await listedRun(parquet({ a, b: flipped })))
    assert.deepEqual([corrupt.refusal, corrupt.reason.slice(0, 3)], ['PARQUET_CORRUPT', 'b: '])
    const given = await listedRun(parquet({ a, b }))
    await given.objects.write({ bucket: 'drops', key: 'b' }, a)
    const unversioned = { ...given, objects: { ...given.objects } }
    unversioned.objects.read = (ref, options = {}) => {
      const { version: _, ...unpinned } = options
      return given.objects.read(ref, unpinned)
    }
    assert.equal((await failureOf(unversioned)).code, 'SOURCE_CHANGED')
  })
})
