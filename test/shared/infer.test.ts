/** Types of a sample: the narrowest that give every value back as it was. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { narrowestType } from '../../shared/plan/infer.ts'
import { inferJson, inferText, jsonTokens } from '../../shared/plan/infer-columns.ts'
import { castOf, isExact } from '../../worker/duckdb/exact.ts'

describe('the narrowest type', () => {
  const cases: [texts: string[], type: string | undefined][] = [
    [['true', 'FALSE'], 'BOOLEAN'],
    [['0', '-12', '2147483647'], 'INTEGER'],
    [['1', '2147483648'], 'BIGINT'],
    [['9223372036854775807', '-9223372036854775808'], 'BIGINT'],
    [['9223372036854775808'], 'VARCHAR'],
    [['1', '2.50'], 'DECIMAL(18,2)'],
    [['.097'], 'DECIMAL(18,3)'],
    [['12345678901234567890.12'], 'DECIMAL(38,2)'],
    [['31.95376472', '-89.234504', '7'], 'DOUBLE'],
    [['1.5', '2e10'], 'DOUBLE'],
    [['9007199254740993', '2e10'], 'VARCHAR'],
    [['2024-02-29'], 'DATE'],
    [['2023-02-29'], 'VARCHAR'],
    [['2024-01-31', '2024-01-31 10:00:00.5'], 'TIMESTAMP'],
    [['2024-01-31T10:00:00Z', '2024-01-31 10:00:00+02:00'], 'TIMESTAMPTZ'],
    [['2024-01-31T10:00:00Z', '2024-01-31T10:00:00'], 'VARCHAR'],
    [['10:00:00', '23:59:59.123456'], 'TIME'],
    [['{"a":1}', '[]'], 'JSON'],
    [['{"a":1'], 'VARCHAR'],
    [['00123'], 'VARCHAR'],
    [['+1'], 'VARCHAR'],
    [['-0'], 'VARCHAR'],
    [['1,000'], 'VARCHAR'],
    [['0x1F'], 'VARCHAR'],
    [[' 1'], 'VARCHAR'],
    [['1', 'N/A'], 'VARCHAR'],
    [['1', 'true'], 'VARCHAR'],
    [[''], 'VARCHAR'],
    [[], undefined],
  ]
  for (const [texts, type] of cases) {
    test(`of ${texts.join(', ') || 'nothing'} is ${type ?? 'not known'}`, () =>
      assert.equal(narrowestType(texts), type))
  }
})

describe('a column of a sample', () => {
  test('that is text for a few values only says for which', () => {
    const column = inferText('n', [...Array.from({ length: 20 }, (_, at) => String(at)), 'N/A', undefined])
    assert.deepEqual([column.type, column.values], ['VARCHAR', 21])
    assert.match(column.note ?? '', /INTEGER but for 1 of 21: "N\/A"/)
  })

  test('without a value says so', () => {
    assert.match(inferText('n', [undefined]).note ?? '', /no value was seen/)
  })

  test('of JSON takes numbers as they stand, and strings for no numbers', () => {
    const tokens = jsonTokens(
      '{"a":1.50,"b":"12","c":{"a":2},"d":null,"e":9007199254740993,"f":"2024-01-31"}',
    )
    const types = [...tokens].map(([name, token]) => inferJson(name, [token]).type)
    assert.deepEqual(types, ['DECIMAL(18,2)', 'VARCHAR', 'JSON', 'JSON', 'BIGINT', 'DATE'])
  })

  test('of JSON that is now this, now that is JSON', () => {
    assert.equal(inferJson('a', ['1', '"x"']).type, 'JSON')
  })
})

describe('every value of a sample', () => {
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

  const part = fc.constantFrom(
    '0',
    '1',
    '9',
    '12',
    '2024',
    '-',
    '.',
    'e',
    'E',
    '+',
    ':',
    ' ',
    'T',
    'Z',
    '00',
    '31',
    '02',
  )
  const text = fc.oneof(
    fc.array(part, { minLength: 1, maxLength: 8 }).map(parts => parts.join('')),
    fc.integer().map(String),
    fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.tuple(fc.integer(), fc.nat(99_999)).map(([whole, rest]) => `${whole}.${rest}`),
    fc.date({ noInvalidDate: true }).map(date => date.toISOString()),
    fc.date({ noInvalidDate: true }).map(date => date.toISOString().slice(0, 10)),
    fc.constantFrom(
      'true',
      'False',
      '[1]',
      '{"a":[]}',
      '23:59:60',
      '24:00:00',
      '0000-01-01',
      '2024-12-31 23:59:59',
    ),
  )

  test('is taken exactly by the type that is found, as the worker casts it', async () => {
    const columns = fc.sample(fc.array(text, { minLength: 1, maxLength: 3 }), { seed: 11, numRuns: 3000 })
    const rows = columns.map(texts => [texts, narrowestType(texts) ?? 'VARCHAR'] as const)
    const types = [...new Set(rows.map(([, type]) => type))]
    assert.ok(types.length > 10)
    for (const type of types.filter(each => each !== 'VARCHAR')) {
      const texts = rows.filter(([, own]) => own === type).flatMap(([own]) => own)
      const list = texts.map(each => `('${each.replaceAll("'", "''")}')`).join(', ')
      const fits = isExact(type, 't', 'v')
      const sql = `SELECT t FROM (SELECT t, ${castOf(type, 't')} AS v FROM (VALUES ${list}) AS given(t)) WHERE NOT ${fits}`
      const misfits = (await connection.runAndReadAll(sql)).getRows()
      assert.deepEqual(misfits, [], `${type} does not take all`)
    }
  })
})
