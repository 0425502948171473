/** Records that break the SQL are found and placed whatever the source is. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { type Given, rejectsOf, rowsOf, worked } from './given.ts'
import { listedRun } from './listed.ts'
import { plannedAndTaken } from './planned.ts'

let dir: string
let instance: DuckDBInstance
let connection: DuckDBConnection

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-bisect-'))
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
})

after(async () => {
  connection.closeSync()
  instance.closeSync()
  await rm(dir, { recursive: true })
})

/** 5,000 rows in row groups of 2,048. */
async function parquet(id: string): Promise<Buffer> {
  const file = join(dir, 'a.parquet')
  const select = `SELECT i AS n, ${id} AS id, i * 1.5 AS ratio FROM range(5000) r(i)`
  await connection.run(`COPY (${select}) TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`)
  return readFile(file)
}

const badAt = (...rows: number[]) => `CASE WHEN i IN (${rows.join(', ')}) THEN 'x' || i ELSE i::VARCHAR END`
const sql = 'SELECT id::INTEGER AS id FROM input'

async function rejected(given: Given) {
  const { exitCode, partition, log } = await worked(given)
  assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
  const { report } = partition ?? {}
  return { report, rejects: await rejectsOf(given, report?.rejectsKey) }
}

describe('rows of Parquet that break the SQL', () => {
  it('are placed by row group and row, with their values, and the others are published', async () => {
    const content = await parquet(badAt(0, 2500, 4999))
    const given = await plannedAndTaken({ content, source: { format: 'parquet' }, sql, rejectedRecords: 3 })
    const { report, rejects } = await rejected(given)
    assert.deepEqual([report?.recordsRead, report?.rejectedByWork, report?.recordsWritten], [5000, 3, 4997])
    assert.deepEqual(
      rejects.map(({ reason, raw }) => [reason.slice(0, 54).trimEnd(), JSON.parse(raw).n]),
      [
        ['Row 0 of row group 0 (both from 0): Conversion Error:', 0],
        ['Row 452 of row group 1 (both from 0): Conversion Error', 2500],
        ['Row 903 of row group 2 (both from 0): Conversion Error', 4999],
      ],
    )
    const [[sum] = []] = await rowsOf(given, 'SELECT sum(id) FROM output')
    assert.equal(sum, String((4999 * 5000) / 2 - 2500 - 4999))
  })

  it('are placed in their own file of many, over rows that do not fit their column', async () => {
    const contents = {
      'in/a.parquet': await parquet(badAt(1, 3000)),
      'in/b.parquet': await parquet('i::VARCHAR'),
      'in/c.parquet': await parquet(badAt(2, 4000)),
    }
    // 1.5 fits no INTEGER: only the even rows fit, and the first bad one is not among them.
    const columns = { n: 'BIGINT', id: 'VARCHAR', ratio: 'DECIMAL(9,0)' }
    const given = await listedRun({
      contents,
      source: { format: 'parquet', columns },
      sql,
      rejectedRecords: 8000,
    })
    const { report, rejects } = await rejected(given)
    assert.deepEqual(
      [report?.recordsRead, report?.recordsRejected, report?.rejectedByWork],
      [15_000, 7503, 3],
    )
    const byWork = rejects.filter(({ reason }) => reason.includes('Conversion Error')) as unknown as {
      key: string
      raw: string
      reason: string
    }[]
    assert.deepEqual(
      byWork.map(({ key, raw, reason }) => [
        key,
        JSON.parse(raw).n,
        /^Row (\d+) of row group (\d)/.exec(reason)?.slice(1),
      ]),
      [
        ['in/a.parquet', 3000, ['952', '1']],
        ['in/c.parquet', 2, ['2', '0']],
        ['in/c.parquet', 4000, ['1952', '1']],
      ],
    )
  })
})

describe('records of text that break the SQL', () => {
  const ndjson = (count: number, bad: readonly number[]) =>
    Array.from(
      { length: count },
      (_, at) => `${JSON.stringify({ id: bad.includes(at) ? `x${at}` : String(at) })}\n`,
    ).join('')
  const source = { format: 'ndjson', columns: { id: 'VARCHAR' } }

  it('are placed in NDJSON, behind lines that are no JSON', async () => {
    const content = Buffer.from(ndjson(9000, [8191, 8192]).replace('{"id":"77"}', 'nothing'))
    const given = await plannedAndTaken({ content, source, sql, rejectedRecords: 3 })
    const { report, rejects } = await rejected(given)
    assert.deepEqual([report?.recordsRead, report?.recordsRejected, report?.rejectedByWork], [9000, 3, 2])
    assert.deepEqual(
      rejects.map(({ byteOffset, raw }) => [byteOffset, raw]),
      [
        [content.indexOf('nothing'), 'nothing'],
        [content.indexOf('{"id":"x8191"}'), '{"id":"x8191"}'],
        [content.indexOf('{"id":"x8192"}'), '{"id":"x8192"}'],
      ],
    )
  })

  it('are placed in a compressed stream, and in one of many objects', async () => {
    const content = gzipSync(ndjson(5000, [4321]))
    const given = await plannedAndTaken({ content, source, sql, rejectedRecords: 1, key: 'in/file.gz' })
    assert.deepEqual(
      (await rejected(given)).rejects.map(({ raw }) => raw),
      ['{"id":"x4321"}'],
    )
    const contents = { 'in/a': Buffer.from(ndjson(50, [])), 'in/b': Buffer.from(ndjson(50, [49])) }
    const many = await listedRun({ contents, source, sql, rejectedRecords: 1 })
    const { rejects } = await rejected(many)
    assert.deepEqual(
      rejects.map(reject => [(reject as unknown as { key: string }).key, reject.byteOffset, reject.raw]),
      [['in/b', contents['in/b'].indexOf('{"id":"x49"}'), '{"id":"x49"}']],
    )
  })
})
