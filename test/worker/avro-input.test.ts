import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { AvroCursor } from '../../shared/avro/cursor.ts'
import type { PartitionRecord } from '../../shared/records.ts'
import { miscuts } from '../../shared/tiling.ts'
import { dateText, timestampText } from '../../worker/avro/time.ts'
import {
  avroFile,
  block,
  bytes,
  double,
  long,
  packed,
  readOne,
  readTiled,
  recordOf,
  sync,
  textsOf,
} from './avro-file.ts'
import { partitionOf, rejectsOf, rowsOf, worked } from './given.ts'
import { type PlannedOptions, type PlannedRun, plannedAndTaken, plannedRun, refusalOf } from './planned.ts'

/** Written by fastavro 1.12.1, an independent implementation; `rows-avro.json` says what it wrote. */
const fixture = (name: string): Promise<Buffer> => readFile(new URL(`fixtures/${name}`, import.meta.url))

const avro = (content: Buffer, over: Partial<PlannedOptions> = {}): PlannedOptions => ({
  ...over,
  content,
  source: { format: 'avro', ...over.source },
})

/** Works every partition and proves that they tile. */
async function workAll(given: PlannedRun): Promise<PartitionRecord[]> {
  const partitions: PartitionRecord[] = []
  for (let index = 0; index < given.run.partitions; index++) {
    const { exitCode, partition, log } = await worked(given, { index })
    assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
    assert.ok(partition)
    partitions.push(partition)
  }
  assert.deepEqual(miscuts(given.run, partitions), [])
  return partitions
}

/** One value of a type, as the text of a column. */
async function textOf(type: unknown, value: Buffer): Promise<string | undefined> {
  const given = await plannedAndTaken(
    avro(avroFile(recordOf({ a: type, b: 'long' }), [block([value, long(1)], 1)])),
  )
  const { lines } = await readOne(given, { partition: 0, start: given.run.dataStart, end: given.run.dataEnd })
  return textsOf(lines)[0]
}

const record = (id: number, text: string | Buffer): Buffer => Buffer.concat([long(id), bytes(text)])

async function refused(content: Buffer): Promise<string> {
  const { code, words } = await refusalOf(avro(content))
  return `${code} ${words}`
}

/** With which code a run of it ends. */
async function endOf(content: Buffer): Promise<string> {
  const given = await plannedRun(avro(content))
  if ('code' in given) return given.code
  await worked(given)
  return (await partitionOf(given, 0))?.failures?.[0]?.refusal ?? 'taken'
}

describe('an Avro file', () => {
  for (const codec of ['null', 'deflate', 'snappy', 'zstandard']) {
    it(`compressed with ${codec} gives every value as it was written`, async () => {
      const given = await plannedAndTaken(avro(await fixture(`rows-${codec}.avro`), { partitionBytes: 5000 }))
      assert.ok(given.run.partitions > 2)
      await workAll(given)
      assert.deepEqual(await rowsOf(given), JSON.parse((await fixture('rows-avro.json')).toString()))
    })
  }

  it('cut anywhere gives each record once, in order, without a re-plan', async () => {
    const given = await plannedAndTaken(avro(await fixture('rows-deflate.avro')))
    const whole = await readTiled(given, given.run.dataEnd)
    for (const partitionBytes of [97, 500, 1501, 4096, 9999]) {
      const { lines, replanned } = await readTiled(given, partitionBytes)
      assert.ok(lines.equals(whole.lines), `${partitionBytes}`)
      assert.equal(replanned, 0)
    }
  })

  it('whose data look like blocks of their own is read right in the end, whatever is guessed', async () => {
    const schema = recordOf({ id: 'long', text: 'string' })
    const fake = Buffer.concat([sync, block([long(7), bytes('false')], 1)])
    const blocks = [
      block([record(1, 'a'), record(2, fake)], 2),
      block([]),
      block([record(3, Buffer.concat([fake, fake])), record(4, 'd')], 2),
      block([record(5, 'e')], 1),
    ]
    const given = await plannedAndTaken(avro(avroFile(schema, blocks)))
    const { lines: whole, replanned: none } = await readTiled(given, given.run.dataEnd)
    assert.equal(none, 0)
    let replanned = 0
    for (let partitionBytes = 1; partitionBytes <= given.content.length; partitionBytes += 7) {
      const all = await readTiled(given, partitionBytes)
      assert.ok(all.lines.equals(whole), `${partitionBytes}`)
      replanned += all.replanned
    }
    assert.ok(replanned > 0, 'no guess was ever wrong')
  })

  it('with a long schema takes one read more to plan', async () => {
    const fields = Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`field_number_${at}`, 'null']))
    const given = await plannedAndTaken(
      avro(avroFile(recordOf({ ...fields, id: 'long' }), [block([long(5)])])),
    )
    assert.equal(given.looked.length, 1)
    assert.equal(given.run.columns.length, 3001)
  })

  it('takes the columns that are declared, exactly or not at all, and says where a record lies that does not fit', async () => {
    const schema = recordOf({ id: 'long', ratio: 'double', text: 'string' })
    const records = [1, 2.5, 3].map(value => Buffer.concat([long(value * 2), double(value), bytes('x')]))
    const content = avroFile(schema, [block([records[0] ?? Buffer.alloc(0)]), block(records.slice(1))])
    const source = { columns: { ratio: 'INTEGER', lacking: 'DATE' }, drift: 'ignore', metadata: true }
    const given = await plannedAndTaken(avro(content, { source, rejectedRecords: 1 }))
    const [partition] = await workAll(given)
    const second = given.run.dataStart + block([records[0] ?? Buffer.alloc(0)]).length
    const { version } = given.run.source
    assert.deepEqual(await rowsOf(given), [
      [1, null, 'in/file', version, String(given.run.dataStart)],
      [3, null, 'in/file', version, String(second)],
    ])
    const [reject] = await rejectsOf(given, partition?.report?.rejectsKey)
    assert.deepEqual([reject?.column, reject?.byteOffset], ['ratio', second])
    assert.match(reject?.reason ?? '', /does not fit INTEGER exactly/)
  })

  it('of a single field that may be null has a row for each record, and none lost', async () => {
    const schema = recordOf({ a: ['null', 'string'] })
    const records = [
      long(0),
      Buffer.concat([long(1), bytes('')]),
      long(0),
      Buffer.concat([long(1), bytes('x\ny')]),
    ]
    const given = await plannedAndTaken(avro(avroFile(schema, [block(records)])))
    await workAll(given)
    assert.deepEqual(await rowsOf(given), [[null], [''], [null], ['x\ny']])
  })

  it('rejects a record whose text is not UTF-8', async () => {
    const content = avroFile(recordOf({ a: 'string' }), [
      block([bytes('ok'), bytes(Buffer.of(0xc3, 0x28)), bytes('\ufffd')]),
    ])
    const given = await plannedAndTaken(avro(content, { rejectedRecords: 1 }))
    const [partition] = await workAll(given)
    assert.deepEqual(await rowsOf(given), [['ok'], ['\ufffd']])
    const [reject] = await rejectsOf(given, partition?.report?.rejectsKey)
    assert.match(reject?.reason ?? '', /UTF-8/)
  })
})

describe('the text of an Avro value', () => {
  it('keeps all that the value says', async () => {
    const micros = { type: 'long', logicalType: 'timestamp-micros' }
    const nanos = { type: 'long', logicalType: 'local-timestamp-nanos' }
    const date = { type: 'int', logicalType: 'date' }
    const decimal = { type: 'bytes', logicalType: 'decimal', precision: 50, scale: 3 }
    const cases: [unknown, Buffer, string | undefined][] = [
      ['long', long(2n ** 63n - 1n), '9223372036854775807'],
      ['long', long(-(2n ** 63n)), '-9223372036854775808'],
      ['double', double(-0), '-0.0'],
      ['double', double(2 ** 60), '1.152921504606847e+18'],
      ['double', double(Number.NaN), 'NaN'],
      [date, long(-1), '1969-12-31'],
      [date, long(-719_163), '0001-12-31 (BC)'],
      [micros, long(-1), '1969-12-31 23:59:59.999999+00'],
      [nanos, long(1_577_836_800_123_456_789n), '2020-01-01 00:00:00.123456789'],
      [decimal, bytes(Buffer.of(0xff)), '-0.001'],
      [decimal, bytes(Buffer.alloc(0)), '0.000'],
      [decimal, bytes(Buffer.of(0x7f, 255, 255, 255, 255, 255, 255, 255, 255)), '2361183241434822606.847'],
      ['null', Buffer.alloc(0), undefined],
      [['null', 'string', 'long'], Buffer.concat([long(2), long(2n ** 60n)]), '1152921504606846976'],
      [['null', 'string', 'long'], Buffer.concat([long(1), bytes('12')]), '"12"'],
      [{ type: 'fixed', name: 'F', size: 2 }, Buffer.of(255, 0), '/wA='],
    ]
    for (const [type, value, expected] of cases) assert.equal(await textOf(type, value), expected)
  })
})

describe('an Avro long', () => {
  it('is the number that was written, however many bits it has', () => {
    for (let bits = 0n; bits < 63n; bits++) {
      for (const value of [2n ** bits, 2n ** bits - 1n, -(2n ** bits), -(2n ** bits) - 1n]) {
        assert.equal(String(new AvroCursor(long(value)).long()), String(value))
      }
    }
  })

  it('cannot be more than ten bytes long', () => {
    assert.throws(() => new AvroCursor(Buffer.alloc(11, 255)).long(), /a number has no end/)
  })
})

describe('a time counted from 1970', () => {
  it('has the text that DuckDB gives it, at any time of twenty thousand years', async () => {
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    try {
      const days =
        "SELECT d, (DATE '1970-01-01' + d::INTEGER)::VARCHAR FROM range(-3600000, 3600000, 997) r(d)"
      for (const [day, text] of (await connection.runAndReadAll(days)).getRows()) {
        assert.equal(dateText(Number(day)), text)
      }
      const times =
        'SELECT t, make_timestamp(t)::VARCHAR FROM range(-99999999999999999, 200000000000000000, 123456789012347) r(t)'
      for (const [micros, text] of (await connection.runAndReadAll(times)).getRows()) {
        assert.equal(timestampText(BigInt(String(micros)), 1e6), text)
      }
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  })
})

describe('a file that is no sound Avro', () => {
  const schema = recordOf({ id: 'long', text: 'string' })
  const blocks = [1, 2, 3].map(id => block([Buffer.concat([long(id), bytes('text')])]))
  const sound = avroFile(schema, blocks)
  it('cannot become a run: each fault has its code, and says where it is', async () => {
    assert.match(await refused(Buffer.alloc(0)), /^AVRO_NOT_VALID .*byte 0/)
    assert.match(await refused(Buffer.from('a,b\n1,2\n')), /^AVRO_NOT_VALID .*does not begin with/)
    assert.match(await refused(await fixture('rows-bzip2.avro')), /^AVRO_CODEC_NOT_SUPPORTED .*bzip2/)
    const itself = recordOf({ id: 'long', next: ['null', 'R'] })
    assert.match(await refused(avroFile(itself, [])), /^AVRO_SCHEMA_NOT_SUPPORTED .*R contains itself/)
    assert.match(await refused(avroFile(recordOf({ a: 'Else' }), [])), /^AVRO_SCHEMA_NOT_SUPPORTED .*Else/)
    assert.match(await refused(avroFile(recordOf({ a: 'int', A: 'int' }), [])), /^COLUMN_NAMES_REPEAT /)
  })

  it('cut short is refused wherever it is cut, but between two blocks, where nothing of it shows', async () => {
    const ends = new Set([sound.length])
    for (const one of blocks.toReversed()) ends.add(Math.min(...ends) - one.length)
    for (let length = 0; length < sound.length; length++) {
      const given = await plannedRun(avro(sound.subarray(0, length)))
      if ('code' in given) {
        assert.equal(given.code, 'AVRO_NOT_VALID')
        assert.ok(length < Math.min(...ends))
        continue
      }
      const reading = readOne(given, { partition: 0, start: given.run.dataStart, end: given.run.dataEnd })
      if (ends.has(length)) await reading
      else await assert.rejects(reading, { code: 'BAD_INPUT', refusal: 'AVRO_CORRUPT' }, `${length}`)
    }
  })

  it('cannot give records that its blocks do not hold', async () => {
    const [first = Buffer.alloc(0)] = blocks
    const one = record(1, 'text')
    assert.equal(await endOf(avroFile(schema, [first, block([one], 2)])), 'AVRO_CORRUPT')
    assert.equal(await endOf(avroFile(schema, [block([one, one], 1)])), 'AVRO_CORRUPT')
    assert.equal(await endOf(avroFile(schema, [packed(one, 2 ** 40)])), 'AVRO_CORRUPT')
    assert.equal(await endOf(avroFile(schema, [packed(one, 1)], 'deflate')), 'AVRO_CORRUPT')
    assert.equal(await endOf(avroFile(schema, [packed(deflateRawSync(one), 1)], 'deflate')), 'taken')
  })

  it('cannot be a decompression bomb', async () => {
    const data = Buffer.concat([long(1), bytes(Buffer.alloc(70 * 1024 ** 2, 'a'))])
    assert.equal(
      await endOf(avroFile(schema, [packed(deflateRawSync(data), 1)], 'deflate')),
      'DECOMPRESSION_BOMB',
    )
  })

  it('with any byte of a checked codec changed gives the very same records, or is refused, or rejects them', async () => {
    const content = await fixture('rows-snappy.avro')
    const whole = await plannedAndTaken(avro(content))
    const { lines } = await readOne(whole, {
      partition: 0,
      start: whole.run.dataStart,
      end: whole.run.dataEnd,
    })
    for (let at = whole.run.dataStart; at < content.length; at += 61) {
      const changed = Buffer.from(content)
      changed[at] = (changed[at] ?? 0) ^ 0x10
      const given = await plannedAndTaken(avro(changed))
      const reading = readOne(given, { partition: 0, start: given.run.dataStart, end: given.run.dataEnd })
      const read = await reading.catch(error => String(error.refusal))
      assert.ok(
        read === 'AVRO_CORRUPT' || (typeof read === 'object' && read.lines.equals(lines)),
        `${at}: ${read}`,
      )
    }
  })
})
