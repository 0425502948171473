import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { castOf, isExact, isStrictJson } from '../../worker/duckdb/exact.ts'
import { literal } from '../../worker/duckdb/text.ts'
import { oracles } from './exactly.ts'
import { givenRun, rejectsOf, rowsOf, worked } from './given.ts'

let instance: DuckDBInstance
let connection: DuckDBConnection
before(async () => {
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
})
after(() => {
  connection.closeSync()
  instance.closeSync()
})

/** What the worker takes of each text: the value as the oracles say it, or `undefined`. */
async function taken(type: string, texts: readonly string[]): Promise<unknown[]> {
  const fits =
    type === 'JSON' ? `${isExact(type, 't', 'v')} AND ${isStrictJson('t')}` : isExact(type, 't', 'v')
  const sql = `SELECT fits, CASE WHEN fits THEN ${oracles[type]?.sql} END FROM (
    SELECT v, ${fits} AS fits FROM (
      SELECT t, ${castOf(type, 't')} AS v FROM (SELECT unnest([${texts.map(literal).join(', ')}]) AS t)))`
  const rows = (await connection.runAndReadAll(sql)).getRows()
  assert.equal(rows.length, texts.length)
  return rows.map(([fitting, value]) => (fitting === true ? value : undefined))
}

function same(value: unknown, expected: unknown): boolean {
  if (expected === 'not finite') return typeof value === 'number' && !Number.isFinite(value)
  if (typeof expected === 'bigint') return value !== undefined && BigInt(value as bigint) === expected
  return value === expected || (value === 0 && expected === 0)
}

const digits = (min: number, max: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: min, maxLength: max })
const sign = fc.constantFrom('', '', '-', '+')
const join = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map(all => all.join(''))
const maybe = (part: fc.Arbitrary<string>) => fc.oneof(fc.constant(''), part)
const number = join(sign, digits(0, 22), maybe(join(fc.constant('.'), digits(0, 12))))
const exponent = join(fc.constantFrom('e', 'E'), sign, digits(1, 3))
const limits = fc.constantFrom(
  ...'32767 32768 -32768 -32769 2147483647 2147483648 9223372036854775807 9223372036854775808'.split(' '),
  ...'-9223372036854775808 -9223372036854775809 9999999999.99 10000000000 9007199254740993'.split(' '),
  ...'1.7976931348623157e308 1.7976931348623159e308 2e-324 3e-324 -0 0.99999'.split(' '),
  '9'.repeat(38),
  `1${'0'.repeat(38)}`,
)
const odd = fc.constantFrom(
  'NaN',
  '-inf',
  'Infinity',
  '0x1F',
  '1_000',
  '1,000',
  '٣',
  '１',
  '',
  ' ',
  'true',
  'Yes',
  'n',
  'T',
  '0',
  '1',
)
const two = join(fc.constantFrom('0', '1', '2', '3', ''), fc.constantFrom(...'0123456789'))
const year = fc.constantFrom(
  '0000',
  '0001',
  '1600',
  '1900',
  '1969',
  '1970',
  '2000',
  '2023',
  '2024',
  '2400',
  '9999',
  '12024',
  '294246',
)
const date = fc.oneof(
  join(year, fc.constant('-'), two, fc.constant('-'), two),
  join(year, fc.constantFrom('-02-28', '-02-29', '-02-30', '-12-31', '-06-31', '-13-01', '-00-10', '/01/01')),
)
const timeOfDay = fc.oneof(
  join(
    two,
    fc.constant(':'),
    fc.constantFrom('00', '5', '59', '60'),
    maybe(join(fc.constantFrom(':', '.'), two, maybe(join(fc.constant('.'), digits(0, 9))))),
  ),
  fc.constantFrom(
    '00:00:00',
    '23:59:59.999999',
    '23:59:59.9999995',
    '23:59:60',
    '24:00:00',
    '12:00:00.1234560000',
  ),
)
const offset = fc.constantFrom(
  'Z',
  '+00',
  '-07',
  '+05:30',
  '+0530',
  '-1845',
  '+19:00',
  '+5',
  ' +02:00',
  ' UTC',
  'z',
  '+05:60',
  '',
)
const usual = join(
  fc.constantFrom('1969-12-31', '2000-02-29', '2024-1-5', '0001-01-01', '1900-03-01', '12024-06-30'),
  fc.constantFrom('T', ' '),
  fc.constantFrom('08:15:30', '1:2:3.5', '00:00:59.000001', '23:59:59.999999000', '12:30:00.', '00:00:00'),
  offset,
)
const moment = join(date, fc.constantFrom('T', ' ', '  '), timeOfDay, offset)
const json = fc.oneof(
  fc.jsonValue().map(value => JSON.stringify(value)),
  fc.string({ unit: fc.constantFrom(...'{}[]",:0123.-eE tnufalsrINi\\'), maxLength: 12 }),
  fc.constantFrom(
    '[NaN]',
    '["NaN"]',
    '[1,]',
    '[",]"]',
    '{"a":1 , }',
    'nan',
    '[-Infinity]',
    '["\\ud800"]',
    '[1e999]',
    '"a\\"inf"',
    '{"a\\\\":NaN}',
  ),
)

/** Mostly as it stands, else with something set into it. */
const disturbed = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      text,
      fc.nat(),
      fc.constantFrom('', '', '', '', ' ', '\t', '_', '.', '-', '\u00a0', '\u2009', '0', 'x', '\n', "'"),
    )
    .map(([plain, at, extra]) => {
      const place = at % (plain.length + 1)
      return plain.slice(0, place) + extra + plain.slice(place)
    })

const numbers = disturbed(fc.oneof(number, join(number, exponent), digits(15, 41), limits, odd))
const moments = disturbed(
  fc.oneof(date, timeOfDay, moment, join(date, fc.constantFrom(' ', 'T'), timeOfDay), odd),
)
const textsOf = (type: string): fc.Arbitrary<string> => {
  if (type === 'JSON') return fc.oneof({ arbitrary: json, weight: 5 }, { arbitrary: numbers, weight: 1 })
  if (type === 'TIMESTAMPTZ') return disturbed(fc.oneof(moment, usual))
  return /^(DATE|TIME)/.test(type) ? moments : numbers
}

for (const type of Object.keys(oracles)) {
  test(`a text is taken as ${type} exactly, or not at all`, async () => {
    const texts = fc.sample(textsOf(type), { seed: 20260401, numRuns: 4000 })
    const values = await taken(type, texts)
    const wrong = texts.flatMap((text, at) => {
      const expected = oracles[type]?.oracle(text)
      // DuckDB is not of one mind about blanks around dates and times.
      const blanks = values[at] === undefined && /^[ \t]|[ \t]$/.test(text)
      return blanks || same(values[at], expected) ? [] : [{ text, taken: values[at], expected }]
    })
    assert.deepEqual(wrong.slice(0, 10), [])
    const count = values.filter(value => value !== undefined).length
    assert.ok(count > 40 && count < 3900, `${count} of 4000 are of the type`)
  })
}

test('JSON strings that are no Unicode text, and numbers that are no JSON, reject their record', async () => {
  const columns = [
    { name: 't', type: 'VARCHAR' },
    { name: 'n', type: 'DOUBLE' },
  ]
  const bad = [
    '{"t":"\\ud800"}',
    '{"t":"\\x"}',
    '{"n":nan}',
    '{"n":-inf}',
    '{"n":1.}',
    '{"n":.5}',
    '{"x":[nAn]}',
    '{"n":0x1}',
  ]
  const good = ['{"t":"a\\u0000b"}', '{"t":"\\ud83d\\ude00"}', '{"n":1E5}', '{"x":["nan",null,false,-1e-5]}']
  const given = await givenRun({
    text: [...bad, ...good].join('\n'),
    source: { format: 'ndjson' },
    columns,
    sql: 'SELECT t, n FROM input',
    rejectedRecords: 100,
  })
  const { partition } = await worked(given)
  const rejects = await rejectsOf(given, partition?.report?.rejectsKey)
  assert.deepEqual(rejects.map(({ raw }) => raw).toSorted(), bad.toSorted())
  assert.deepEqual(await rowsOf(given), [
    ['a\0b', null],
    ['😀', null],
    [null, 100000],
    [null, null],
  ])
})
