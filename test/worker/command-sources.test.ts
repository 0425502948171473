/** Commands over every kind of source: what they are given is what the SQL would see. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { GivenRecords } from '../../worker/command/records.ts'
import { LineScanner } from '../../worker/read/lines.ts'
import { rowsOf } from './given.ts'
import { failureOf, listedRun, workedAll } from './listed.ts'

/** All of stdin as one result for each partition. */
const work = {
  command: ['node', '-e', "console.log(JSON.stringify({ given: require('fs').readFileSync(0, 'utf8') }))"],
  columns: { given: 'VARCHAR' },
}

async function given(
  contents: Record<string, string | Buffer>,
  source: object,
  more: object = {},
): Promise<string> {
  const bytes = Object.fromEntries(
    Object.entries(contents).map(([key, content]) => [key, Buffer.from(content)]),
  )
  const run = await listedRun({ contents: bytes, source: { ...source }, work: { ...work, ...more } })
  await workedAll(run)
  return (await rowsOf(run)).flat().join('')
}

describe('a command over a list of objects', () => {
  const a = 'id,name\n1,a\n'
  const b = 'name,id\nb,2\n'

  it('is given fields by their names, in whatever order an object has them', async () => {
    const found = await given({ 'in/a': a, 'in/b': gzipSync(b) }, { format: 'csv' })
    assert.equal(found, '{"id":"1","name":"a"}\n{"id":"2","name":"b"}\n')
    assert.equal(
      await given({ 'in/a': a, 'in/b': b }, { format: 'csv' }, { input: 'csv' }),
      'id,name\n1,a\n2,b\n',
    )
  })

  it('is given raw records of all of them where they stand alike, and cannot be where they do not', async () => {
    const alike = { 'in/a': a, 'in/b': 'id,name\n3,"c\n"\n' }
    assert.equal(await given(alike, { format: 'csv' }, { input: 'raw', header: true }), `${a}3,"c\n"\n`)
    const contents = { 'in/a': Buffer.from(a), 'in/b': Buffer.from(b) }
    const run = await listedRun({ contents, source: { format: 'csv' }, work: { ...work, input: 'raw' } })
    const failure = await failureOf(run)
    assert.equal(failure.refusal, 'COLUMNS_DIFFER')
    assert.match(failure.reason, /in\/b.*another order/)
  })

  it('is given what lines, fixed fields and JSON arrays hold', async () => {
    assert.equal(
      await given({ 'in/a': 'one\ntwo\n' }, { format: 'lines' }),
      '{"line":"one"}\n{"line":"two"}\n',
    )
    const fields = [
      { name: 'id', type: 'INTEGER', width: 2 },
      { name: 'name', width: 3 },
    ]
    assert.equal(await given({ 'in/a': ' 1abc\n' }, { format: 'fixed', fields }), '{"id":1,"name":"abc"}\n')
    const array = '[{"a": 1.10,\n "b": [2]}]'
    assert.equal(
      await given({ 'in/a': array }, { format: 'json' }, { input: 'raw' }),
      '{"a": 1.10,  "b": [2]}\n',
    )
  })

  it('is given UTF-8 whatever the encoding, and dates and places as text', async () => {
    const source = {
      format: 'csv',
      encoding: 'latin-1',
      columns: { name: 'VARCHAR', day: 'DATE' },
      metadata: true,
    }
    const found = await given({ 'in/a': Buffer.from('name,day\nü,2026-01-31\n', 'latin1') }, source)
    const { name, day, _filename, _byte_offset } = JSON.parse(found)
    assert.deepEqual(
      { name, day, _filename, _byte_offset },
      { name: 'ü', day: '2026-01-31', _filename: 'in/a', _byte_offset: 9 },
    )
  })
})

describe('the records given', () => {
  it('can be had in any stretch of them, without some, from files of many', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'millrace-given-'))
    try {
      const lines = Array.from({ length: 10_000 }, (_, at) => `${at}\n`)
      const file = join(dir, 'lines')
      writeFileSync(file, lines.join(''))
      const records = new GivenRecords(file, lines.length, Buffer.from('head\n'), () => new LineScanner())
      for (const [begin, end, without] of [
        [0, 10_000, []],
        [0, 1, []],
        [9999, 10_000, []],
        [4095, 8193, [4095, 4096, 8192]],
        [5000, 5000, []],
        [0, 10_000, [0, 1, 9999]],
        [3, 6, [2, 4, 7]],
      ] as const) {
        const wanted = lines.filter(
          (_, at) => at >= begin && at < end && !(without as readonly number[]).includes(at),
        )
        const parts = await Array.fromAsync(records.bytes(begin, end, without))
        assert.equal(Buffer.concat(parts).toString(), `head\n${wanted.join('')}`)
      }
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
