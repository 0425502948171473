/** Many Avro files as one source: each is read by its own header, and its values by name. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { avroFile, block, bytes, double, long, recordOf, sync } from './avro-file.ts'
import { rejectsOf, rowsOf, worked } from './given.ts'
import { failureOf, type ListedOptions, listedRun, workedAll } from './listed.ts'

const fixture = (name: string): Promise<Buffer> => readFile(new URL(`fixtures/${name}`, import.meta.url))

const avro = (contents: Record<string, Buffer>, over: Partial<ListedOptions> = {}): ListedOptions => ({
  ...over,
  contents,
  source: { format: 'avro', ...over.source },
})

const idAndText = recordOf({ id: 'long', text: 'string' })
const textAndId = recordOf({ text: 'string', id: 'long' })
const record = (id: number, text: string): Buffer => Buffer.concat([long(id), bytes(text)])
const turned = (id: number, text: string): Buffer => Buffer.concat([bytes(text), long(id)])

describe('many Avro files', () => {
  it('of every codec give all values as they were written, in partitions of any size', async () => {
    const codecs = ['null', 'deflate', 'snappy', 'zstandard']
    const files = await Promise.all(codecs.map(codec => fixture(`rows-${codec}.avro`)))
    const contents = Object.fromEntries(files.map((content, at) => [`in/${at}.avro`, content]))
    const rows: unknown[] = JSON.parse((await fixture('rows-avro.json')).toString())
    const bytesOfAll = files.reduce((sum, { length }) => sum + length, 0)
    for (const partitions of [1, 2, 100]) {
      const given = await listedRun(avro(contents, { partitionBytes: Math.ceil(bytesOfAll / partitions) }))
      const reports = await workedAll(given)
      assert.equal(reports.length, Math.min(partitions, given.assignments.length))
      assert.deepEqual(
        await rowsOf(given),
        codecs.flatMap(() => rows),
      )
    }
  })

  it('are read by name where their fields stand in another order', async () => {
    const empty = Buffer.alloc(0)
    const large = 'x'.repeat(100_000)
    const contents = {
      a: empty,
      b: avroFile(idAndText, [block([record(1, 'one')])]),
      c: avroFile(textAndId, [block([turned(2, 'two "quoted"\n')]), block([turned(3, large)])]),
      d: avroFile(idAndText, []),
    }
    const given = await listedRun(avro(contents))
    const [report] = await workedAll(given)
    assert.deepEqual(report?.report?.range, { start: 0, end: given.run.dataEnd })
    assert.deepEqual(await rowsOf(given), [
      ['1', 'one'],
      ['2', 'two "quoted"\n'],
      ['3', large],
    ])
  })

  it('give NULL for what one of them lacks, and drop what no column names, where drift is ignored', async () => {
    const other = recordOf({ other: 'string', id: 'long' })
    const contents = {
      a: avroFile(idAndText, [block([record(1, '')])]),
      b: avroFile(other, [block([turned(2, 'x')])]),
    }
    const given = await listedRun(avro(contents, { source: { drift: 'ignore' } }))
    await workedAll(given)
    assert.deepEqual(await rowsOf(given), [
      ['1', ''],
      ['2', null],
    ])
  })

  it('take other numbers than the first as far as each fits, and tell which file has those that do not', async () => {
    const contents = {
      a: avroFile(recordOf({ id: 'long' }), [block([long(1)])]),
      b: avroFile(recordOf({ id: 'double' }), [block([double(2), double(2.5)])]),
    }
    const given = await listedRun(avro(contents, { rejectedRecords: 1, source: { metadata: true } }))
    const { exitCode, partition } = await worked(given)
    assert.equal(exitCode, 0, JSON.stringify(partition?.failures))
    const [reject] = await rejectsOf(given, partition?.report?.rejectsKey)
    const blockAt = contents.b.indexOf(sync) + sync.length
    assert.partialDeepStrictEqual(reject, { key: 'b', byteOffset: blockAt, within: 8, column: 'id' })
    assert.ok(reject && !('line' in reject), 'a record of Avro stands on no line')
    const rows = await rowsOf(given, 'SELECT id, _filename, _byte_offset FROM output')
    assert.deepEqual(rows, [
      ['1', 'a', `${contents.a.indexOf(sync) + sync.length}`],
      ['2', 'b', `${blockAt}`],
    ])
  })
})

describe('an Avro file among others', () => {
  const first = avroFile(idAndText, [block([record(1, 'one')])])
  const refusals: [string, Buffer, string][] = [
    [
      'has another column',
      avroFile(recordOf({ id: 'long', text: 'string', b: 'int' }), []),
      'COLUMNS_DIFFER',
    ],
    ['lacks a column', avroFile(recordOf({ id: 'long' }), []), 'COLUMNS_DIFFER'],
    [
      'has a type that cannot fit',
      avroFile(recordOf({ id: 'boolean', text: 'string' }), []),
      'COLUMN_TYPES_DIFFER',
    ],
    ['is none', Buffer.from('no Avro'), 'AVRO_NOT_VALID'],
    ['is compressed with what is not known', avroFile(idAndText, [], 'xz'), 'AVRO_CODEC_NOT_SUPPORTED'],
    ['is cut short', avroFile(idAndText, [block([record(1, 'one')])]).subarray(0, -1), 'AVRO_CORRUPT'],
  ]
  for (const [what, content, refusal] of refusals) {
    it(`cannot be taken where it ${what}: the run is refused, and the file is named`, async () => {
      const failure = await failureOf(await listedRun(avro({ 'in/a': first, 'in/b': content })))
      assert.deepEqual([failure.code, failure.refusal], ['BAD_INPUT', refusal])
      assert.match(failure.reason, /^in\/b: (?!in\/b)/)
    })
  }
})
