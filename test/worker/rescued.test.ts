import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parsePipeline } from '../../shared/pipeline.ts'
import { rejectsOf, rowsOf, worked } from './given.ts'
import { plannedAndTaken, plannedRun } from './planned.ts'

async function rowsRead(text: string | Buffer, source: Record<string, unknown>, sql = 'SELECT * FROM input') {
  const given = await plannedAndTaken({ content: Buffer.from(text), source, sql, rejectedRecords: 100 })
  const { exitCode, partition, log } = await worked(given)
  assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
  return {
    rows: await rowsOf(given),
    rejects: await rejectsOf(given, partition?.report?.rejectsKey),
    columns: given.run.columns,
  }
}

const csv = { format: 'csv', columns: { id: 'BIGINT', name: 'VARCHAR' } }

test('CSV fields that no column names are dropped, or kept as a JSON object in the column for them', async () => {
  const text = 'id,more,name,extra\n1,"say ""hi""",Ann,\n2,,Bob,\n3,"a\nb",,x\\y\n'
  const dropped = await rowsRead(text, { ...csv, drift: 'ignore' })
  assert.deepEqual(dropped.rows, [
    ['1', 'Ann'],
    ['2', 'Bob'],
    ['3', null],
  ])
  const kept = await rowsRead(text, { ...csv, drift: 'ignore', rescued: 'rest' })
  assert.deepEqual(kept.rows, [
    ['1', 'Ann', '{"more":"say \\"hi\\""}'],
    ['2', 'Bob', null],
    ['3', null, '{"more":"a\\nb","extra":"x\\\\y"}'],
  ])
})

test('a column that the file lacks is NULL of its type', async () => {
  const source = { ...csv, columns: { ...csv.columns, when: 'TIMESTAMPTZ' }, drift: 'ignore' }
  const { rows } = await rowsRead('name,id\nAnn,1\n', source, 'SELECT *, typeof("when") FROM input')
  assert.deepEqual(
    rows.map(row => row.toSorted()),
    [['1', 'Ann', 'TIMESTAMP WITH TIME ZONE', null].toSorted()],
  )
})

test('fields beyond the last column are rescued under pad, those too few are NULL; without rescue they are rejected', async () => {
  const text = 'id,name\n1\n2,Bob,x,,"y"""\n3,Cid\n'
  const padded = { format: 'csv', ragged: 'pad' }
  const { rows } = await rowsRead(text, { ...padded, rescued: 'rest' })
  assert.deepEqual(rows, [
    ['1', null, null],
    ['2', 'Bob', '{"_surplus":["x",null,"y\\""]}'],
    ['3', 'Cid', null],
  ])
  const plain = await rowsRead(text, padded)
  assert.deepEqual(plain.rows, [
    ['1', null],
    ['3', 'Cid'],
  ])
  assert.deepEqual(
    plain.rejects.map(({ raw, reason }) => [raw, reason]),
    [['2,Bob,x,,"y"""', 'The record has 5 fields where the table has 2 columns.']],
  )
})

test('NDJSON fields that no column names are rescued as they stand, digit for digit, and named ones are not', async () => {
  const text = [
    '{"id":1,"a":0.10,"b":{"c":[1,2.50]},"name":"x"}',
    '{"id":2,"name":"y"}',
    '{"id":3 , "big" : 12345678901234567890.0010 ,\r"n":null,"i\\u0064x":"\\u00e9"}',
    '{"id":"4","name":"typed"}',
  ].join('\n')
  const source = { format: 'ndjson', columns: { id: 'BIGINT', name: 'VARCHAR' }, rescued: 'rest' }
  const { rows, rejects } = await rowsRead(text, source, 'SELECT id, name, rest FROM input')
  assert.deepEqual(rows, [
    ['1', 'x', '{"a":0.10,"b":{"c":[1,2.50]}}'],
    ['2', 'y', null],
    ['3', null, '{"big" : 12345678901234567890.0010,"n":null,"i\\u0064x":"\\u00e9"}'],
  ])
  assert.deepEqual(
    rejects.map(({ column }) => column),
    ['id'],
  )
})

test('whatever the objects hold, named and rescued fields together are the whole object', async () => {
  const key = fc.constantFrom('id', 'name', 'x', 'y', 'é', 'a"b', 'with space', '__proto__x')
  const value = fc.jsonValue({ maxDepth: 2 })
  const object = fc.dictionary(key, value, { maxKeys: 6 }).map(one => {
    const { id, name, ...rest } = one
    return {
      ...rest,
      ...(id === undefined ? {} : { id: 7 }),
      ...(name === undefined ? {} : { name: String(name) }),
    }
  })
  const objects =
    fc.sample(fc.array(object, { minLength: 200, maxLength: 200 }), { seed: 20260306, numRuns: 1 })[0] ?? []
  const text = objects.map(one => JSON.stringify(one)).join('\n')
  const source = { format: 'ndjson', columns: { id: 'BIGINT', name: 'VARCHAR' }, rescued: 'rest' }
  const { rows, rejects } = await rowsRead(text, source, 'SELECT id, name, rest FROM input')
  assert.deepEqual(rejects, [])
  const seen = rows.map(([id, name, rest]) => ({
    ...(rest === null ? {} : (JSON.parse(rest as string) as object)),
    ...(id === null ? {} : { id: Number(id) }),
    ...(name === null ? {} : { name }),
  }))
  assert.deepEqual(seen, objects)
})

const load = (source: Record<string, unknown>) => () =>
  parsePipeline(
    { name: 'a', source: { prefix: 'i/', ...source }, work: { sql: 'x' }, output: { prefix: 'o/' } },
    'a',
  )

test('names that Millrace keeps are refused: in the pipeline when it is loaded, in the file when it is planned', async () => {
  assert.throws(load({ ...csv, rescued: 'NAME' }), /rescued: names a column NAME that is there already/)
  assert.throws(load({ format: 'ndjson', rescued: '_json' }), /_json that is there already/)
  assert.throws(
    load({ format: 'csv', metadata: true, columns: { _Filename: 'VARCHAR' } }),
    /adds a column _filename/,
  )
  assert.throws(load({ format: 'csv', columns: { __millrace_x: 'VARCHAR' } }), /kept for Millrace/)
  assert.throws(load({ format: 'ndjson', columns: { _JSON: 'VARCHAR' } }), /names _JSON/)
  assert.doesNotThrow(load({ format: 'ndjson', columns: { _json: 'JSON' } }))
  assert.doesNotThrow(load({ format: 'csv', columns: { _filename: 'VARCHAR' } }))

  const plan = (text: string, source: Record<string, unknown>) =>
    plannedRun({ content: Buffer.from(text), source: { format: 'csv', header: true, ...source } })
  const named = 'a,_FILENAME\n1,2\n'
  assert.deepEqual((await plan(named, { metadata: true })) as object, {
    code: 'COLUMN_NAME_TAKEN',
    words: 'the file names a column _filename, which is the name of a column that Millrace adds',
    remedy: 'Rename the column, or change source.metadata or source.rescued in the pipeline.',
  })
  assert.ok('run' in (await plan(named, {})))
  assert.ok('code' in (await plan('a,__millrace_offset\n1,2\n', {})))
  assert.ok('code' in (await plan('a,rest\n1,2\n', { rescued: 'rest' })))
})

test('names that SQL cannot tell apart or cannot say are refused, wherever they stand', async () => {
  for (const format of ['csv', 'ndjson', 'parquet']) {
    assert.throws(load({ format, columns: { id: 'BIGINT', ID: 'BIGINT' } }), /columns: names ID twice/)
    assert.throws(load({ format, columns: { 'a\0b': 'BIGINT' } }), /holds no NUL/)
  }
  const plan = (text: string, source: Record<string, unknown>) =>
    plannedRun({ content: Buffer.from(text), source })
  const codeOf = async (...of: Parameters<typeof plan>) => {
    const planned = await plan(...of)
    return 'code' in planned ? planned.code : undefined
  }
  const widen = { format: 'ndjson', columns: { a: 'INTEGER' }, drift: 'widen' }
  assert.equal(await codeOf('a,b\0c\n1,2\n', { format: 'csv' }), 'COLUMN_NAME_UNUSABLE')
  assert.equal(await codeOf('{"a":1,"b\\u0000c":2}\n', widen), 'COLUMN_NAME_UNUSABLE')
  assert.equal(await codeOf('{"a":1,"":2}\n', widen), 'COLUMN_NAME_UNUSABLE')
  assert.equal(await codeOf('{"a":1,"_JSON":2}\n', widen), 'COLUMN_NAME_TAKEN')
  assert.equal(await codeOf('{"a":1,"_json":2}\n', widen), undefined)
})
