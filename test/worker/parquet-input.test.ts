import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import type { PartitionRecord, Report } from '../../shared/records.ts'
import { miscuts } from '../../shared/tiling.ts'
import { partitionOf, rejectsOf, rowsOf, worked } from './given.ts'
import { type PlannedOptions, type PlannedRun, plannedAndTaken, plannedRun, refusalOf } from './planned.ts'

/** DuckDB by itself, as the one who writes files and says what is in them. */
async function withDuckDb<Result>(
  work: (rows: (sql: string) => Promise<unknown[][]>, dir: string) => Promise<Result>,
): Promise<Result> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-parquet-'))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    return await work(async sql => (await connection.runAndReadAll(sql)).getRowsJson(), dir)
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(dir, { recursive: true })
  }
}

const written = (select: string, options: string): Promise<Buffer> =>
  withDuckDb(async (rows, dir) => {
    await rows(`COPY (${select}) TO '${dir}/a.parquet' (FORMAT parquet, ${options})`)
    return readFile(`${dir}/a.parquet`)
  })

const seenByDuckDb = (content: Buffer, sql = 'SELECT * FROM source'): Promise<unknown[][]> =>
  withDuckDb(async (rows, dir) => {
    await writeFile(`${dir}/a.parquet`, content)
    await rows(`CREATE VIEW source AS FROM read_parquet('${dir}/a.parquet')`)
    return rows(sql)
  })

const parquet = (content: Buffer, over: Partial<PlannedOptions> = {}): PlannedOptions => ({
  ...over,
  content,
  source: { format: 'parquet', ...over.source },
})

async function refused(content: Buffer): Promise<string> {
  const { code, words } = await refusalOf(parquet(content))
  return `${code} ${words}`
}

/** Works every partition and proves that they tile. Answers the totals. */
async function workAll(given: PlannedRun) {
  const partitions: PartitionRecord[] = []
  for (let index = 0; index < given.run.partitions; index++) {
    const { exitCode, partition, log } = await worked(given, { index })
    assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
    assert.ok(partition)
    partitions.push(partition)
  }
  assert.deepEqual(miscuts(given.run, partitions), [])
  const sum = (count: (report: Report) => number): number =>
    partitions.reduce((all, { report }) => all + (report ? count(report) : 0), 0)
  return { read: sum(one => one.recordsRead), rejected: sum(one => one.recordsRejected), partitions }
}

const manyTypes = `SELECT i AS id, (i % 100)::TINYINT AS tiny, i::UBIGINT AS big, i::DECIMAL(9,2) / 3 AS fraction,
  (i::DECIMAL(18,3) + 0.125)::DECIMAL(38,3) AS money, i / 7 AS ratio, (i / 7)::FLOAT AS float,
  CASE WHEN i % 3 = 0 THEN NULL ELSE 'text ' || i || chr(10) || '"ü' END AS text,
  DATE '1969-12-30' + i::INTEGER AS day, TIME '10:11:12.000001' AS time,
  TIMESTAMP '2020-01-01 00:00:00.123456' + INTERVAL (i) SECOND AS local,
  TIMESTAMPTZ '2020-01-01 00:00:00+02' + INTERVAL (i) DAY AS instant,
  TIMESTAMP_NS '2020-01-01 00:00:00.123456789' AS nanos, uuid AS uuid, i % 2 = 0 AS even,
  [i, NULL, i + 1] AS list, {a: i, b: {c: [i::VARCHAR]}} AS nested, MAP {'k' || i: i} AS map, 'x'::BLOB AS bytes,
  NULL::INTEGER AS nothing
  FROM range(9000) r(i), (SELECT '6f9619ff-8b86-d011-b42d-00c04fc964ff'::UUID AS uuid)`

describe('a Parquet file', () => {
  it('cut into any number of row groups gives the rows that DuckDB sees in it, in their order', async () => {
    const content = await written(manyTypes, 'ROW_GROUP_SIZE 2048, COMPRESSION zstd')
    const expected = await seenByDuckDb(content)
    for (let groups = 1; groups <= 5; groups++) {
      const partitionBytes = Math.ceil((content.length / 4.4) * groups)
      const given = await plannedAndTaken(parquet(content, { partitionBytes }))
      assert.deepEqual([given.run.partitionBytes, given.run.dataEnd], [groups, 5])
      const { read, rejected } = await workAll(given)
      assert.deepEqual([read, rejected], [9000, 0])
      assert.deepEqual(await rowsOf(given), expected)
    }
  })

  for (const options of ['snappy', 'gzip', 'uncompressed', 'lz4_raw', 'brotli'].map(
    codec => `COMPRESSION ${codec}`,
  )) {
    it(`is taken whatever it is written with: ${options}`, async () => {
      const content = await written(manyTypes, `${options}, ROW_GROUP_SIZE 4096, PARQUET_VERSION v2`)
      const given = await plannedAndTaken(parquet(content))
      await workAll(given)
      assert.deepEqual(await rowsOf(given), await seenByDuckDb(content))
    })
  }

  it('of others, 13 MB and 3,000,000 rows, is counted and summed right in several partitions', async () => {
    const content = await readFile('node_modules/vega-datasets/data/flights-3m.parquet')
    const sql = 'SELECT count(*) AS n, sum(delay) AS delay, sum(distance) AS distance FROM input'
    const given = await plannedAndTaken(parquet(content, { sql, partitionBytes: 5_000_000 }))
    assert.equal(given.run.partitions, 3)
    assert.ok(given.looked.length <= 2, `${given.looked.length} reads`)
    assert.equal((await workAll(given)).read, 3_000_000)
    const totals = 'SELECT sum(n), sum(delay), sum(distance) FROM output'
    const expected = 'SELECT count(*), sum(delay), sum(distance) FROM source'
    assert.deepEqual(await rowsOf(given, totals), await seenByDuckDb(content, expected))
  })

  it('is read only where its declared columns lie', async () => {
    const select = 'SELECT i AS id, md5(i::VARCHAR) AS a, md5((i + 1)::VARCHAR) AS b FROM range(100000) r(i)'
    const content = await written(select, 'ROW_GROUP_SIZE 20480')
    // Each value is held against its declared type, and even that touches nothing else.
    const source = { columns: { id: 'DOUBLE' }, drift: 'ignore' }
    const given = await plannedAndTaken(parquet(content, { source, partitionBytes: 50_000 }))
    assert.deepEqual(given.run.layout.drift, { unknown: ['a', 'b'], lacking: [] })
    await workAll(given)
    const tail = 64 * 1024
    const fetched = given.read.filter(({ end }) => end !== content.length)
    const bytes = fetched.reduce((sum, { start, end }) => sum + end - start, 0)
    assert.equal(given.read.length - fetched.length, given.run.partitions)
    assert.ok(bytes < content.length / 10, `${bytes} of ${content.length} bytes`)
    assert.ok(given.read.every(({ start, end }) => end !== content.length || end - start <= tail))
    assert.deepEqual(await rowsOf(given, 'SELECT sum(id), count(*) FROM output'), [[4999950000, '100000']])
  })

  it('without a row gives a run of its columns and no rows', async () => {
    const content = await written('SELECT 1 AS a WHERE false', 'COMPRESSION zstd')
    const given = await plannedAndTaken(parquet(content))
    assert.deepEqual(given.run.columns, [{ name: 'a', type: 'INTEGER' }])
    assert.deepEqual(await workAll(given), { read: 0, rejected: 0, partitions: [] })
  })

  it('adds the columns that metadata asks for', async () => {
    const content = await written('SELECT 7 AS a', 'COMPRESSION zstd')
    const given = await plannedAndTaken(parquet(content, { source: { metadata: true } }))
    await workAll(given)
    const { version } = given.run.source
    assert.ok(version)
    assert.deepEqual(await rowsOf(given), [[7, 'in/file', version, null]])
  })

  it('refuses a file that has such a column itself, where metadata asks for them', async () => {
    const content = await written('SELECT 7 AS _Filename', 'COMPRESSION zstd')
    const plan = await plannedRun(parquet(content, { source: { metadata: true } }))
    assert.ok('code' in plan && plan.code === 'COLUMN_NAME_TAKEN')
    assert.ok('run' in (await plannedRun(parquet(content, {}))))
  })
})

describe('the declared types of a Parquet file', () => {
  it('take each value exactly, or reject its row with the place and the reason', async () => {
    const select = `SELECT i AS id, (i + CASE WHEN i IN (3, 2050) THEN 0.5 ELSE 0 END)::DOUBLE AS whole,
      CASE WHEN i = 4 THEN '\\xFF'::BLOB ELSE 'ok'::BLOB END AS bytes, {a: i} AS nested, md5(i::VARCHAR) AS other FROM range(3000) r(i)`
    const content = await written(select, 'ROW_GROUP_SIZE 2048')
    const columns = { id: 'VARCHAR', whole: 'INTEGER', bytes: 'VARCHAR', nested: 'JSON' }
    const given = await plannedAndTaken(
      parquet(content, { source: { columns, drift: 'ignore' }, rejectedRecords: 3, partitionBytes: 1 }),
    )
    const { partitions, read, rejected } = await workAll(given)
    assert.deepEqual([read, rejected], [3000, 3])
    const rejects = [
      ...(await rejectsOf(given, partitions[0]?.report?.rejectsKey)),
      ...(await rejectsOf(given, partitions[1]?.report?.rejectsKey)),
    ]
    assert.deepEqual(
      rejects.map(({ column, reason }) => [column, reason]),
      [
        ['whole', 'Row 3 of row group 0 (both from 0): The value does not fit INTEGER exactly.'],
        ['bytes', 'Row 4 of row group 0 (both from 0): The value is not valid UTF-8.'],
        ['whole', 'Row 2 of row group 1 (both from 0): The value does not fit INTEGER exactly.'],
      ],
    )
    assert.equal(rejects[0]?.byteOffset, 4)
    assert.equal(rejects[2]?.raw, '{"id":2050,"whole":2050.5,"bytes":"ok","nested":{"a":2050}}')
    const rows = await rowsOf(given, 'SELECT * FROM output WHERE id = 2999 OR id = 3')
    assert.deepEqual(rows, [['2999', 2999, 'ok', '{"a":2999}']])
  })

  it('keep every digit where a value becomes JSON, and JSON is what it becomes', async () => {
    const select = `SELECT 12345678901234567890.10::DECIMAL(38,2) AS money, 'nan'::DOUBLE AS ratio,
      {a: [0.50::DECIMAL(20,2), NULL], b: {c: 12345678901234567.25::DECIMAL(19,2), d: 'inf'::DOUBLE}} AS nested`
    const content = await written(select, 'ROW_GROUP_SIZE 2048')
    const columns = { money: 'JSON', ratio: 'JSON', nested: 'JSON' }
    const given = await plannedAndTaken(parquet(content, { source: { columns } }))
    await workAll(given)
    const nested = '{"a":[0.50,null],"b":{"c":12345678901234567.25,"d":"inf"}}'
    assert.deepEqual(await rowsOf(given), [['12345678901234567890.10', '"nan"', nested]])
  })

  it('cannot lose the nanoseconds of an instant: its row is rejected, and VARCHAR takes it whole', async () => {
    const content = await readFile(new URL('fixtures/nanos-utc.parquet', import.meta.url))
    const given = await plannedAndTaken(parquet(content, { rejectedRecords: 1 }))
    assert.deepEqual(given.run.columns, [{ name: 'at', type: 'TIMESTAMPTZ' }])
    assert.equal((await workAll(given)).rejected, 1)
    assert.deepEqual(await rowsOf(given), [['2020-01-01 00:00:00.000001+00'], [null]])
    const asText = await plannedAndTaken(parquet(content, { source: { columns: { at: 'VARCHAR' } } }))
    await workAll(asText)
    const texts = [['2020-01-01 00:00:00.000001+00'], ['2020-01-01 00:00:00.000000001+00'], [null]]
    assert.deepEqual(
      (await rowsOf(asText)).map(([text]) => [text]),
      texts,
    )
  })

  it('cannot be ones that no value of the file fits', async () => {
    const content = await written(
      "SELECT 1 AS n, [1] AS list, TIMESTAMPTZ '2020-01-01 00:00:00Z' AS at",
      'COMPRESSION zstd',
    )
    const columns = { n: 'DATE', list: 'VARCHAR', at: 'TIMESTAMP' }
    const refusal = await refusalOf(parquet(content, { source: { columns } }))
    assert.equal(refusal.code, 'COLUMN_TYPES_DIFFER')
    assert.match(refusal.words, /n is INTEGER in the file and DATE.*list is INTEGER\[\].*at is TIMESTAMPTZ/)
  })

  it('fill a column that the file lacks with NULL, where drift may widen', async () => {
    const content = await written("SELECT 1 AS a, 'x' AS b", 'COMPRESSION zstd')
    const source = { columns: { a: 'BIGINT', c: 'DATE' }, drift: 'widen' }
    const given = await plannedAndTaken(parquet(content, { source }))
    await workAll(given)
    assert.deepEqual(await rowsOf(given), [['1', 'x', null]])
    assert.equal(
      (await refusalOf(parquet(content, { source: { columns: source.columns } }))).code,
      'COLUMNS_DIFFER',
    )
  })
})

describe('a file that is no sound Parquet', () => {
  it('cannot become a run: each fault has its code, and says where it is', async () => {
    const sound = await written('SELECT i FROM range(5000) r(i)', 'ROW_GROUP_SIZE 2048')
    const footerBytes = sound.readUInt32LE(sound.length - 8)
    const footerAt = sound.length - 8 - footerBytes
    const changed = (at: number, bytes: string | number[]): Buffer => {
      const copy = Buffer.from(sound)
      copy.set(Buffer.from(bytes as string), at)
      return copy
    }
    assert.match(await refused(Buffer.alloc(0)), /^PARQUET_NOT_VALID .*it is empty/)
    assert.match(await refused(Buffer.from('a,b\n1,2\n3,4\n')), /^PARQUET_NOT_VALID .*not PAR1 \(byte 8\)/)
    assert.match(await refused(sound.subarray(0, -100)), /^PARQUET_NOT_VALID .*was it cut short/)
    assert.match(await refused(changed(sound.length - 4, 'PARE')), /^PARQUET_ENCRYPTED /)
    assert.match(
      await refused(changed(sound.length - 8, [255, 255, 255, 127])),
      /^PARQUET_NOT_VALID .*does not fit/,
    )
    assert.match(await refused(changed(footerAt + 1, [255, 255, 255])), /^PARQUET_NOT_VALID .*footer/)
  })

  it('cannot be encrypted', async () => {
    const content = await withDuckDb(async (rows, dir) => {
      await rows("SET force_mbedtls_unsafe = 'true'")
      await rows("PRAGMA add_parquet_key('key', '0123456789112345')")
      await rows(`COPY (SELECT 1 AS a) TO '${dir}/a.parquet' (ENCRYPTION_CONFIG {footer_key: 'key'})`)
      return readFile(`${dir}/a.parquet`)
    })
    assert.match(await refused(content), /^PARQUET_ENCRYPTED .*its footer is encrypted/)
  })

  it('cannot give rows from a damaged page: the run is refused with the row groups at fault', async () => {
    const content = await written(`SELECT md5(i::VARCHAR) AS a FROM range(5000) r(i)`, 'ROW_GROUP_SIZE 2048')
    content.fill(0xa5, 20, 4000)
    const given = await plannedAndTaken(parquet(content))
    const { exitCode } = await worked(given)
    assert.equal(exitCode, 65)
    const failure = (await partitionOf(given, 0))?.failures?.[0]
    assert.equal(failure?.refusal, 'PARQUET_CORRUPT')
    assert.match(failure?.reason ?? '', /corrupt in row groups \[0, 3\), from byte 4 on/)
  })

  for (const version of [1, 2]) {
    it(`cannot have a page that is not what its checksum says (pages of version ${version})`, async () => {
      const content = await readFile(new URL(`fixtures/checksums-v${version}.parquet`, import.meta.url))
      const sound = await plannedAndTaken(parquet(content))
      const { log } = await worked(sound)
      assert.ok(Number(log.find(({ message }) => message === 'read')?.pagesChecked) > 4)
      assert.deepEqual(await rowsOf(sound), await seenByDuckDb(content))
      const at = content.indexOf(Buffer.from(new Int32Array([303, 304]).buffer))
      content[at] = 1
      // DuckDB by itself sees another value, and nothing wrong.
      assert.equal((await seenByDuckDb(content)).length, 400)
      const changed = await plannedAndTaken(parquet(content))
      assert.equal((await worked(changed)).exitCode, 65)
      const failure = (await partitionOf(changed, 0))?.failures?.[0]
      assert.equal(failure?.refusal, 'PARQUET_CORRUPT')
      assert.match(failure?.reason ?? '', /page at byte \d+, in column chunk 0 of row group 1/)
    })
  }
})
