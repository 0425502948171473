/** Every way in which DuckDB was seen to lose or change values in silence, through our own worker. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PartitionState } from '../../shared/vocabulary.ts'
import { type GivenOptions, givenRun, rejectsOf, rowsOf, worked } from './given.ts'

const many = 1_000_000

/** The rows published, and what was rejected with which reason. */
async function taken(options: GivenOptions) {
  const given = await givenRun({ rejectedRecords: many, ...options })
  const { exitCode, partition, log } = await worked(given)
  assert.equal(exitCode, 0, JSON.stringify(log))
  const report = partition?.report
  const rejects = await rejectsOf(given, report?.rejectsKey)
  assert.equal(report?.recordsRejected, rejects.length)
  const rows = (report?.recordsWritten ?? 0) > 0 ? await rowsOf(given) : []
  assert.equal(report?.recordsRead, rows.length + rejects.length)
  for (const { byteOffset, raw } of rejects) {
    const bytes = Buffer.from(raw)
    assert.deepEqual(given.content.subarray(byteOffset, byteOffset + bytes.length), bytes)
  }
  return { rows, rejects, report }
}

/** Which texts a type takes, and as what; `undefined`: rejected. */
async function column(type: string, texts: string[]) {
  const text = `n,v\n${texts.map((value, at) => `${at},${value}`).join('\n')}\n`
  const columns = [
    { name: 'n', type: 'INTEGER' },
    { name: 'v', type },
  ]
  const { rows, rejects } = await taken({ text, columns, sql: 'SELECT n, v::VARCHAR AS v FROM input' })
  for (const reject of rejects) assert.equal(reject.column, 'v')
  const found = new Map(rows.map(([n, value]) => [Number(n), value]))
  return texts.map((_, at) => found.get(at))
}

const cases: Record<string, Record<string, string | null | undefined>> = {
  INTEGER: {
    '5': '5',
    '+5': '5',
    '007': '7',
    ' 5 ': '5',
    '-0': '0',
    '3.0': '3',
    '': null,
    '3.7': undefined,
    '2147483648': undefined,
    '1e3': undefined,
    '0x1F': undefined,
    '1_000': undefined,
    '""': undefined,
    five: undefined,
  },
  SMALLINT: { '32767': '32767', '32768': undefined },
  BIGINT: { '9223372036854775807': '9223372036854775807', '9223372036854775808': undefined },
  'DECIMAL(12,2)': {
    '12.34': '12.34',
    '12.3': '12.30',
    '12.340': '12.34',
    '.5': '0.50',
    '5': '5.00',
    '-0.01': '-0.01',
    '': null,
    '12.345': undefined,
    '12345678901': undefined,
    '1e2': undefined,
    '1_0': undefined,
    '0.001': undefined,
    '"1,5"': undefined,
  },
  DOUBLE: {
    '0.1': '0.1',
    '5': '5.0',
    '1e5': '100000.0',
    nan: 'nan',
    '-inf': '-inf',
    '9007199254740992': '9007199254740992.0',
    '9007199254740993': undefined,
    '1e999': undefined,
    '1e-400': undefined,
    '1_0.5': undefined,
    abc: undefined,
  },
  BOOLEAN: { true: 'true', F: 'false', '1': 'true', no: 'false', '': null, '2': undefined, on: undefined },
  DATE: {
    '2024-02-29': '2024-02-29',
    '2024-1-3': '2024-01-03',
    '': null,
    '2023-02-29': undefined,
    '2024-01-31 10:00:00': undefined,
    '2024-01-31T00:00:00': undefined,
    infinity: undefined,
    epoch: undefined,
    '2024/01/31': undefined,
  },
  TIME: {
    '10:11:12': '10:11:12',
    '10:11': '10:11:00',
    '10:11:12.123456': '10:11:12.123456',
    '10:11:12.1234567': undefined,
    '10:11:12+02': undefined,
    '25:00:00': undefined,
  },
  TIMESTAMP: {
    '2024-01-31 10:00:00': '2024-01-31 10:00:00',
    '2024-01-31T10:00:00.5': '2024-01-31 10:00:00.5',
    '2024-01-31': '2024-01-31 00:00:00',
    '2024-01-31 10:00:00+02': undefined,
    '2024-01-31T10:00:00Z': undefined,
    '2024-01-31 10:00:00.1234567': undefined,
    infinity: undefined,
    '2024-13-01 00:00:00': undefined,
  },
  TIMESTAMPTZ: {
    '2024-01-31 10:00:00+02': '2024-01-31 08:00:00+00',
    '2024-01-31T10:00:00Z': '2024-01-31 10:00:00+00',
    '2024-01-31 10:00:00+02:30': '2024-01-31 07:30:00+00',
    '': null,
    'not a time': undefined,
    '2024-01-31 10:00:00': undefined,
    '2024-01-31 10:00:00+99:00': undefined,
    '2024-01-31 10:00:00.1234567Z': undefined,
  },
  JSON: { '"{""a"": 1.10}"': '{"a": 1.10}', '1': '1', '{a:1}': undefined },
  VARCHAR: {
    NULL: 'NULL',
    '""': '',
    '': null,
    ' x ': ' x ',
    '"a""b"': 'a"b',
    '\\N': '\\N',
    '#x': '#x',
    'a\0b': 'a\0b',
  },
}

for (const [type, values] of Object.entries(cases)) {
  test(`${type} takes what it holds exactly and rejects the rest, never NULL, never rounded`, async () => {
    const texts = Object.keys(values)
    const found = await column(type, texts)
    assert.deepEqual(Object.fromEntries(texts.map((text, at) => [text, found[at]])), values)
  })
}

const sound = (from: number) => Array.from({ length: 60_000 }, (_, at) => `${from + at},"x ""y"", z"`)

test('a bad quote rejects its own record only, and no row behind it is lost', async () => {
  const text = `a,b\n${[...sound(0), '1,mid"quote', '2,"closed"late', '3', '4,5,6', ...sound(100_000)].join('\n')}\n`
  const all = await taken({ text })
  assert.equal(all.rows.length, 120_000)
  assert.deepEqual(
    all.rejects.map(({ raw }) => raw),
    ['1,mid"quote', '2,"closed"late', '3', '4,5,6'],
  )
})

test('a quote that never closes fails the partition instead of swallowing the lines behind it', async () => {
  const text = `a,b\n${'1,2\n'.repeat(1000)}3,"open\n${'4,5\n'.repeat(1000)}`
  const given = await givenRun({ text, rejectedRecords: many })
  const { exitCode, partition } = await worked(given)
  assert.equal(exitCode, 65)
  assert.equal(partition?.state, PartitionState.FAILED)
  assert.match(partition?.failures?.[0]?.reason ?? '', /byte 4004 never closes/)
  assert.deepEqual((await given.objects.list('output', '')).objects, [])
})

test('a quote left open in the last line alone rejects that line', async () => {
  const { rows, rejects } = await taken({ text: 'a,b\n1,2\n3,"cut of' })
  assert.deepEqual(rows, [['1', '2']])
  assert.deepEqual(
    rejects.map(({ byteOffset }) => byteOffset),
    [8],
  )
})

test('line endings of every kind in one file give every record, and a lone CR is data', async () => {
  const { rows } = await taken({ text: 'a,b\r\n1,2\n3,4\r\n5\r6,7\n"x\r\ny",8\n\n\r\n9,"\r"' })
  assert.deepEqual(rows, [
    ['1', '2'],
    ['3', '4'],
    ['5\r6', '7'],
    ['x\r\ny', '8'],
    ['9', '\r'],
  ])
})

test('a byte order mark in front of the first record behind the header is data', async () => {
  // In SQL: what hands DuckDB's strings to JavaScript drops such a mark itself.
  const sql = 'SELECT unicode(a) AS mark, length(a)::INTEGER AS n FROM input'
  const { rows } = await taken({ text: '\ufeffa,b\n\ufeff1,2\n', sql })
  assert.deepEqual(rows, [[0xfeff, 2]])
  const lines = await taken({
    text: '\ufefffirst\n\ufeffsecond',
    source: { format: 'lines' },
    sql: 'SELECT unicode(line) FROM input',
  })
  assert.deepEqual(lines.rows, [[0xfeff], [0xfeff]])
})

test('bytes that are no UTF-8 reject their record', async () => {
  const text = Buffer.concat([
    Buffer.from('a,b\nü,1\n'),
    Buffer.from([0xff, 0x2c, 0x32, 10]),
    Buffer.from('é,3\n'),
  ])
  const given = await givenRun({ text, rejectedRecords: 1 })
  const { partition } = await worked(given)
  assert.equal(partition?.report?.recordsRejected, 1)
  assert.deepEqual(await rowsOf(given), [
    ['ü', '1'],
    ['é', '3'],
  ])
})

test('a column that the SQL does not use is checked all the same', async () => {
  const columns = [
    { name: 'a', type: 'INTEGER' },
    { name: 'b', type: 'INTEGER' },
  ]
  const { rows, rejects } = await taken({ text: 'a,b\n1,2\n3,four\n', columns, sql: 'SELECT a FROM input' })
  assert.deepEqual(rows, [[1]])
  assert.deepEqual(
    rejects.map(({ column: title, raw }) => [title, raw]),
    [['b', '3,four']],
  )
})

test('another delimiter and quote are read as such', async () => {
  const { rows } = await taken({ text: "a;b\n1;'x;''y'\n", source: { delimiter: ';', quote: "'" } })
  assert.deepEqual(rows, [['1', "x;'y"]])
})

test('a record longer than every default of DuckDB is read whole', async () => {
  const long = 'x'.repeat(9_000_000)
  const { rows } = await taken({
    text: `a,b\n1,${long}\n2,y\n`,
    sql: 'SELECT a, length(b)::INTEGER AS n FROM input',
  })
  assert.deepEqual(rows, [
    ['1', 9_000_000],
    ['2', 1],
  ])
})

const jsonColumns = [
  { name: 'i', type: 'INTEGER' },
  { name: 'd', type: 'DECIMAL(30,20)' },
  { name: 't', type: 'VARCHAR' },
  { name: 'j', type: 'JSON' },
  { name: 'z', type: 'TIMESTAMPTZ' },
  { name: 'b', type: 'BOOLEAN' },
]
const ndjson = { format: 'ndjson' }

test('NDJSON values arrive as they stand, digit for digit, and missing or null is NULL', async () => {
  const lines = [
    '{"i":3,"d":12.34567890123456789012,"t":"a\\"b\\u00fc\\n","j":{"x":1.10,"y":[1, 2]},"z":"2024-01-31T10:00:00Z","b":true}',
    ' { "b" : null, "\\u0069":4, "other":[{"i":9},"}"] } ',
    '{}',
  ]
  const sql =
    'SELECT i, d::VARCHAR AS d, t, j::VARCHAR AS j, z::VARCHAR AS z, b, _json::VARCHAR AS whole FROM input'
  const { rows, rejects } = await taken({
    text: `${lines.join('\r\n')}\n\n`,
    source: ndjson,
    columns: jsonColumns,
    sql,
  })
  assert.deepEqual(rejects, [])
  assert.deepEqual(rows, [
    [
      3,
      '12.34567890123456789012',
      'a"bü\n',
      '{"x":1.10,"y":[1, 2]}',
      '2024-01-31 10:00:00+00',
      true,
      lines[0],
    ],
    [4, null, null, null, null, null, lines[1]],
    [null, null, null, null, null, null, '{}'],
  ])
})

test('NDJSON values of another type, or losing digits, are rejected with their column', async () => {
  const bad: [string, string][] = [
    ['i', '{"i":3.7}'],
    ['i', '{"i":true}'],
    ['i', '{"i":"3"}'],
    ['i', '{"i":2147483648}'],
    ['d', '{"d":0.123456789012345678901}'],
    ['t', '{"t":5}'],
    ['t', '{"t":{"a":1}}'],
    ['b', '{"b":1}'],
    ['z', '{"z":"soon"}'],
  ]
  const text = `${bad.map(([, line]) => line).join('\n')}\n{"i":1}\n`
  const { rows, rejects } = await taken({
    text,
    source: ndjson,
    columns: jsonColumns,
    sql: 'SELECT i FROM input',
  })
  assert.deepEqual(rows, [[1]])
  assert.deepEqual(
    rejects.map(({ column: title, raw }) => [title, raw]),
    bad,
  )
})

test('NDJSON lines that are no JSON object are rejected, and only they', async () => {
  const bad = [
    '{"i":1',
    '[1]',
    'null',
    '{"i":1,}',
    '{"x":[1,]}',
    '{"x":[NaN]}',
    '{"x":NaN}',
    '{"i":1}x',
    '{i:1}',
    '{"t":"a\tb"}',
    '{"i":1,"i":2}',
    '{"i":01}',
  ]
  const good = ['{"x":[{"N":"I,}"}]}', '{"i":1}']
  const { rows, rejects } = await taken({
    text: `${[...bad, ...good].join('\n')}`,
    source: ndjson,
    columns: jsonColumns,
    sql: 'SELECT _json::VARCHAR AS j FROM input',
  })
  assert.deepEqual(rows.flat(), good)
  assert.deepEqual(rejects.map(({ raw }) => raw).toSorted(), bad.toSorted())
})

test('lines are records whatever they hold, blank ones too', async () => {
  const text = 'a,"b\n\n\x1fx\x1e\ny\r\nlone\rcr\0\n{"last":1}'
  const { rows } = await taken({ text, source: { format: 'lines' } })
  assert.deepEqual(rows.flat(), ['a,"b', '', '\x1fx\x1e', 'y', 'lone\rcr\0', '{"last":1}'])
})
