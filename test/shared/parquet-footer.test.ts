import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { columnsOf } from '../../shared/parquet/columns.ts'
import { footerOfGroups, parseFooter } from '../../shared/parquet/footer.ts'
import { readParquetFooter } from '../../shared/parquet/read.ts'
import { ThriftFault, ThriftReader } from '../../shared/parquet/thrift.ts'
import { groupsPerPartition } from '../../shared/plan/parquet.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import type { ByteRange } from '../../shared/ports.ts'

const select = `SELECT i AS id, i::DECIMAL(9,2) AS d9, i::DECIMAL(38,10) AS d38, i::UTINYINT AS u8, 1.5::FLOAT AS f,
  'x'::BLOB AS bytes, '{"a":1}'::JSON AS json, TIMETZ '10:00:00+02' AS timetz, INTERVAL 3 DAY AS span,
  TIMESTAMPTZ '2020-01-01 00:00:00Z' AS at, TIMESTAMP_NS '2020-01-01 00:00:00' AS ns, 'a'::ENUM ('a', 'b') AS kind,
  [1] AS list, [[1]] AS lists, {a: 1} AS one, [{a: 1, "b c": [1]}] AS many, [{q: 1}] AS singles,
  MAP {'a': 1} AS map, MAP {'a': {x: 1.5, y: [MAP {1: 2}]}} AS deep FROM range(200) r(i)`

let file: Buffer
let footer: Buffer
let described: string[][]

before(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-footer-'))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run(`COPY (${select}) TO '${dir}/a.parquet' (FORMAT parquet, ROW_GROUP_SIZE 2048)`)
    const reader = await connection.runAndReadAll(`DESCRIBE FROM '${dir}/a.parquet'`)
    described = reader.getRowsJson().map(([name, type]) => [String(name), String(type)])
    file = await readFile(`${dir}/a.parquet`)
    footer = file.subarray(file.length - 8 - file.readUInt32LE(file.length - 8), file.length - 8)
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(dir, { recursive: true })
  }
})

describe('the footer of a Parquet file', () => {
  it('gives every column the type that DuckDB gives it', () => {
    const columns = columnsOf(parseFooter(footer).schema) ?? []
    assert.deepEqual(
      columns.map(({ name, type }) => [name, type.replace('TIMESTAMPTZ', 'TIMESTAMP WITH TIME ZONE')]),
      described.map(([name, type]) => [name, type?.replace('TIME WITH TIME ZONE', 'TIMETZ')]),
    )
  })

  it('written again for all of its row groups is the same, byte for byte', () => {
    const parsed = parseFooter(footer)
    assert.ok(footerOfGroups(parsed, 0, parsed.groups.length).equals(footer))
    const none = parseFooter(footerOfGroups(parsed, 0, 0))
    assert.deepEqual([none.groups.length, none.records, none.schema], [0, 0, parsed.schema])
  })

  it('cannot be read where it is cut short, wherever that is', () => {
    for (let length = 0; length < footer.length; length++) {
      assert.throws(() => parseFooter(footer.subarray(0, length)), ThriftFault, `cut at ${length}`)
    }
  })

  it('with any byte changed is read in bounded time, or is a fault of its own kind', () => {
    for (let at = 0; at < footer.length; at++) {
      for (const byte of [0, 0x15, 0x7f, 0xff]) {
        const changed = Buffer.from(footer)
        changed[at] = byte
        try {
          columnsOf(parseFooter(changed).schema)
        } catch (error) {
          assert.ok(error instanceof ThriftFault, `${at}: ${error}`)
        }
      }
    }
  })

  it('takes one read where it is short, two where it is long, and none is refused for its length alone', async () => {
    const reads: ByteRange[] = []
    const read = async (content: Buffer) => {
      reads.length = 0
      return readParquetFooter(content.length, async range => {
        reads.push(range)
        return content.subarray(range.start, range.end)
      })
    }
    assert.ok(!isRefusal(await read(file)))
    assert.equal(reads.length, 1)
    const long = longFooter(200_000)
    assert.ok(!isRefusal(await read(long)))
    assert.equal(reads.length, 2)
    assert.equal(
      reads.reduce((sum, { start, end }) => sum + end - start, 0),
      long.readUInt32LE(long.length - 8) + 8,
    )
  })
})

/** The same file with a long word of its writer. */
function longFooter(bytes: number): Buffer {
  const words = 'w'.repeat(bytes)
  const createdBy = Buffer.from([0x18, ...varint(bytes)])
  const at = positionOf(6)
  const longer = Buffer.concat([
    footer.subarray(0, at.from),
    createdBy,
    Buffer.from(words),
    footer.subarray(at.to),
  ])
  longer[at.from] = footer[at.from] ?? 0
  const length = Buffer.alloc(4)
  length.writeUInt32LE(longer.length)
  return Buffer.concat([
    file.subarray(0, file.length - 8 - footer.length),
    longer,
    length,
    Buffer.from('PAR1'),
  ])
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
}

/** Of a field of the footer: its head and its value. */
function positionOf(field: number): { from: number; to: number } {
  const reader = new ThriftReader(footer)
  let place = { from: 0, to: 0 }
  reader.struct((id, type) => {
    const from = reader.at - 1
    reader.skip(type)
    if (id === field) place = { from, to: reader.at }
    return true
  })
  return place
}

describe('the row groups of one partition', () => {
  it('are as many as fit its bytes wherever they lie, at least one, and never more than there are', () => {
    assert.equal(groupsPerPartition([10, 10, 10, 10], 25), 2)
    assert.equal(groupsPerPartition([10, 10, 10, 10], 1), 1)
    assert.equal(groupsPerPartition([10, 10, 10, 10], 1000), 4)
    assert.equal(groupsPerPartition([1, 1, 1, 30], 10), 1)
    assert.equal(groupsPerPartition([], 10), 1)
  })

  it('are never so few that a file has more than 10,000 partitions', () => {
    const sizes = Array.from({ length: 25_000 }, () => 100)
    assert.equal(groupsPerPartition(sizes, 1), 3)
  })
})
