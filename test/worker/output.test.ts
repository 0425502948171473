import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { buckets, contentOf, type GivenOptions, givenRun, rowsOf, worked } from './given.ts'

const seed = 20261121

async function published(options: GivenOptions) {
  const given = await givenRun(options)
  const { exitCode, partition, log } = await worked(given)
  assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
  const outputs = partition?.report?.outputs ?? []
  const contents = await Promise.all(outputs.map(({ key }) => contentOf(given.objects, buckets.output, key)))
  return { given, outputs, contents, content: contents[0] ?? Buffer.alloc(0) }
}

async function refused(options: GivenOptions): Promise<string> {
  const { exitCode, partition } = await worked(await givenRun(options))
  assert.notEqual(exitCode, 0)
  return partition?.failures?.at(-1)?.reason ?? ''
}

const names = (outputs: { key: string }[]): string[] =>
  outputs.map(({ key }) => key.replace(/^.*?run=\w+\//, ''))

/** One line of input; the SELECT says what is written. */
const select = (sql: string, output: Record<string, unknown>) =>
  published({ text: 'a\nx\n', sql: `SELECT ${sql} FROM input`, output })

const days = (count: number): string =>
  `d,v\n${Array.from({ length: count }, (_, day) => `${day},x\n`).join('')}`

const csvField = fc.option(
  fc.string({ unit: fc.constantFrom(...'ab,"\n\r é\t#\'\\\ufeff😀') }).filter(text => !/\0/.test(text)),
  { nil: null },
)

describe('CSV output', () => {
  const csv = { format: 'csv' }

  test('reads back as it was: NULL is an empty field, an empty text is quoted', async () => {
    const row = fc.tuple(csvField, csvField, csvField)
    for (const rows of fc.sample(fc.array(row, { minLength: 1, maxLength: 40 }), { numRuns: 12, seed })) {
      const text = rows.map(([a, b, c]) => JSON.stringify({ a, b, c })).join('\n')
      const columns = ['a', 'b', 'c'].map(name => ({ name, type: 'VARCHAR' }))
      const source = { format: 'ndjson' }
      const { content, outputs } = await published({
        text,
        source,
        columns,
        sql: 'SELECT a, b, c FROM input',
        output: csv,
      })
      const read = parse(content, {
        relax_column_count: false,
        record_delimiter: '\n',
        cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
      }) as (string | null)[][]
      assert.deepEqual(read, [['a', 'b', 'c'], ...rows])
      assert.equal(outputs[0]?.records, rows.length)
    }
  })

  test('has a header, lines that end in LF, and a name and type of its own', async () => {
    const { content, outputs } = await select(`1 AS "a,b", DATE '2026-01-31' AS d`, csv)
    assert.equal(content.toString(), '"a,b",d\n1,2026-01-31\n')
    assert.deepEqual(names(outputs), ['part-00000000-1.csv'])
  })

  test('counts a row that is nothing but NULL', async () => {
    const { content, outputs } = await published({
      text: 'a\n1\n2\n',
      sql: "SELECT nullif(a, '1') AS a FROM input",
      output: csv,
    })
    assert.equal(content.toString(), 'a\n\n2\n')
    assert.equal(outputs[0]?.records, 2)
  })

  test('writes nothing where no row is left', async () => {
    const { outputs } = await published({
      text: 'a\nx\n',
      sql: 'SELECT a FROM input WHERE false',
      output: csv,
    })
    assert.deepEqual(outputs, [])
  })
})

describe('NDJSON output', () => {
  const ndjson = { format: 'ndjson' }
  const line = async (sql: string): Promise<string> =>
    (await select(sql, ndjson)).content.toString().trimEnd()

  test('has one object a line', async () => {
    const { content, outputs } = await published({
      text: 'a\nx\n"y\nz"\n',
      output: ndjson,
    })
    assert.equal(content.toString(), '{"a":"x"}\n{"a":"y\\nz"}\n')
    assert.deepEqual([names(outputs), outputs[0]?.records], [['part-00000000-1.ndjson'], 2])
  })

  test('keeps numbers digit for digit', async () => {
    assert.equal(
      await line(
        `9007199254740993::BIGINT AS i, 1.10::DECIMAL(12,2) AS d, -0.5::DECIMAL(2,2) AS e,
        12345678901234567890123456789012345.678::DECIMAL(38,3) AS f,
        170141183460469231731687303715884105727::HUGEINT AS h, 0.1::DOUBLE AS g, 1e300::DOUBLE AS big`,
      ),
      '{"i":9007199254740993,"d":1.10,"e":-0.50,"f":12345678901234567890123456789012345.678,' +
        '"h":170141183460469231731687303715884105727,"g":0.1,"big":1e+300}',
    )
  })

  test('keeps types: truth, nothing, times in ISO 8601, and what is nested', async () => {
    const text = await line(
      `true AS t, NULL AS n, DATE '2026-01-31' AS d, TIMESTAMP '2026-01-31 10:20:30.5' AS ts,
      TIMESTAMPTZ '2026-01-31 10:20:30+02' AS tz, TIME '01:02:03' AS ti,
      {'k"1': [1.10::DECIMAL(3,2), NULL], 'at': TIMESTAMP '2026-01-31 00:00:00'} AS st,
      MAP {'a b': [[1], []], 'c': NULL} AS m, [1, 2]::INTEGER[2] AS arr, NULL::INTEGER[] AS nl,
      NULL::STRUCT(a INTEGER) AS ns, '{"x": 1.50,\n "y": [1e5, "\\u00e9"]}'::JSON AS j`,
    )
    assert.equal(
      text,
      '{"t":true,"n":null,"d":"2026-01-31","ts":"2026-01-31T10:20:30.5","tz":"2026-01-31T08:20:30Z","ti":"01:02:03",' +
        '"st":{"k\\"1":[1.10,null],"at":"2026-01-31T00:00:00"},"m":{"a b":[[1],[]],"c":null},"arr":[1,2],"nl":null,' +
        '"ns":null,"j":{"x": 1.50,  "y": [1e5, "\\u00e9"]}}',
    )
    assert.doesNotThrow(() => JSON.parse(text))
  })

  test('is JSON even where a number is none', async () => {
    assert.deepEqual(JSON.parse(await line(`'nan'::DOUBLE AS a, '-inf'::DOUBLE AS b, NULL::DOUBLE AS c`)), {
      a: 'nan',
      b: '-inf',
      c: null,
    })
  })

  test('cannot hold what DuckDB takes for JSON and nobody else does', async () => {
    for (const value of ["to_json('nan'::DOUBLE)", "json_object('a', 'inf'::DOUBLE)", "['[1,]'::JSON]"]) {
      const sql = `SELECT ${value} AS v FROM input`
      assert.match(
        await refused({ text: 'a\nx\n', sql, output: { format: 'ndjson' } }),
        /is no JSON, as to_json/,
      )
    }
    const { content } = await select(`'{"NaN, ]": null}'::JSON AS v, NULL::JSON AS n`, { format: 'ndjson' })
    assert.equal(content.toString(), '{"v":{"NaN, ]": null},"n":null}\n')
  })

  test('takes any text there is', async () => {
    const texts = fc.sample(fc.string({ unit: 'binary', minLength: 1 }), { numRuns: 300, seed })
    const wellFormed = texts.map(text => text.toWellFormed()).filter(text => !text.includes('\0'))
    const { content } = await published({
      text: wellFormed.map(s => JSON.stringify({ s })).join('\n'),
      source: { format: 'ndjson' },
      columns: [{ name: 's', type: 'VARCHAR' }],
      sql: 'SELECT s FROM input',
      output: ndjson,
    })
    const read = content.toString().trimEnd().split('\n')
    assert.deepEqual(
      read.map(each => (JSON.parse(each) as { s: string }).s),
      wellFormed,
    )
  })
})

describe('compressed output', () => {
  for (const format of ['csv', 'ndjson']) {
    test(`of ${format} can be gzip or zstd, and is counted by what it holds`, async () => {
      const text = `a\n${'"x\ny"\n'.repeat(5000)}`
      const plain = await published({ text, output: { format } })
      const gzip = await published({ text, output: { format, compression: 'gzip' } })
      const zstd = await published({ text, output: { format, compression: 'zstd' } })
      assert.deepEqual(gunzipSync(gzip.content), plain.content)
      assert.deepEqual(zstdDecompressSync(zstd.content), plain.content)
      assert.deepEqual(
        [...names(gzip.outputs), ...names(zstd.outputs)],
        [`part-00000000-1.${format}.gz`, `part-00000000-1.${format}.zst`],
      )
      assert.deepEqual([gzip.outputs[0]?.records, zstd.outputs[0]?.records], [5000, 5000])
    })
  }
})

async function rowGroups(parquet: Buffer): Promise<unknown[]> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-output-test-'))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await writeFile(join(dir, 'x.parquet'), parquet)
    const sql = `SELECT DISTINCT row_group_num_rows FROM parquet_metadata('${dir}/x.parquet') ORDER BY 1`
    return (await connection.runAndReadAll(sql)).getRowsJson().flat()
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(dir, { recursive: true })
  }
}

test('each kind of file is written under its content type', async () => {
  const types: (string | undefined)[] = []
  for (const output of [
    {},
    { format: 'csv' },
    { format: 'ndjson' },
    { format: 'csv', compression: 'gzip' },
    { format: 'ndjson', compression: 'zstd' },
  ]) {
    const given = await givenRun({ text: 'a\nx\n', output })
    const write: typeof given.objects.write = (ref, body, options) => {
      types.push(options?.contentType)
      return given.objects.write(ref, body, options)
    }
    await worked(given, { objects: { ...given.objects, write } })
  }
  assert.deepEqual(types, [
    'application/vnd.apache.parquet',
    'text/csv; charset=utf-8',
    'application/x-ndjson',
    'application/gzip',
    'application/zstd',
  ])
})

describe('Parquet output', () => {
  test('has row groups of the size that the pipeline names', async () => {
    const text = `a\n${'x\n'.repeat(5000)}`
    const { content } = await published({ text, output: { rowGroupRows: 2048 } })
    assert.deepEqual(await rowGroups(content), ['904', '2048'])
  })

  test('keeps an integer of 128 bits whole, and fails where it cannot', async () => {
    const { given } = await select("'12345678901234567890123456789'::HUGEINT AS n", {})
    assert.deepEqual(await rowsOf(given, 'SELECT n, typeof(n) FROM output'), [
      ['12345678901234567890123456789', 'DECIMAL(38,0)'],
    ])
    const nested = await select("[{'HUGEINT': '12345678901234567890123456789'::HUGEINT}] AS n", {})
    assert.deepEqual(await rowsOf(nested.given, 'SELECT n[1]."HUGEINT" FROM output'), [
      ['12345678901234567890123456789'],
    ])
    const text = 'a\nx\n'
    const sql = "SELECT '170141183460469231731687303715884105727'::HUGEINT AS n FROM input"
    assert.match(await refused({ text, sql }), /Casting value|out of range|DECIMAL/i)
  })
})

test('an INTERVAL can have milliseconds in Parquet, and cannot lose microseconds', async () => {
  const sql = (value: string) => `SELECT INTERVAL '${value}' AS v FROM input`
  const { given } = await published({ text: 'a\nx\n', sql: sql('1.5 seconds') })
  assert.deepEqual(await rowsOf(given, 'SELECT CAST(v AS VARCHAR) FROM output'), [['00:00:01.5']])
  assert.match(await refused({ text: 'a\nx\n', sql: sql('1 microsecond') }), /finer than the milliseconds/)
})

describe('column=value folders', () => {
  for (const [format, extension] of [
    ['parquet', 'parquet'],
    ['csv', 'csv'],
    ['ndjson', 'ndjson'],
  ]) {
    test(`of ${format} spell a value as Hive does, NULL too, and hold the other columns alone`, async () => {
      const { outputs, contents } = await published({
        text: 'd,v\n,1\n"",2\na/b=c é%,3\n,4\n',
        output: { format, partitionBy: ['d'] },
      })
      assert.deepEqual(
        outputs.map(({ key, records }) => [key.replace(/^.*?run=\w+\//, ''), records]),
        [
          [`d=/part-00000000-1.${extension}`, 1],
          [`d=__HIVE_DEFAULT_PARTITION__/part-00000000-1.${extension}`, 2],
          [`d=a%2Fb%3Dc%20%C3%A9%25/part-00000000-1.${extension}`, 1],
        ],
      )
      if (format === 'csv') assert.equal(contents[1]?.toString(), 'v\n1\n4\n')
      if (format === 'ndjson') assert.equal(contents[1]?.toString(), '{"v":"1"}\n{"v":"4"}\n')
    })
  }

  test('cannot hold a text that reads like the folder of NULL', async () => {
    const text = 'd,v\n__HIVE_DEFAULT_PARTITION__,1\n,2\n'
    const words = /d holds the text __HIVE_DEFAULT_PARTITION__/
    for (const format of ['parquet', 'csv', 'ndjson']) {
      assert.match(await refused({ text, output: { format, partitionBy: ['d'] } }), words)
    }
    const sql = "SELECT v, d::ENUM('__HIVE_DEFAULT_PARTITION__', 'x') AS d FROM input"
    assert.match(await refused({ text, sql, partitionBy: ['d'] }), words)
  })

  test('cannot be more than a partition can report, and nothing is written then', async () => {
    const output = { format: 'ndjson', partitionBy: ['d'] }
    assert.equal((await published({ text: days(1000), output })).outputs.length, 1000)
    assert.match(
      await refused({ text: days(1500), output }),
      /is 1500 files in folders .* output\.partitionBy/,
    )
  })

  test('cannot be named after a column that the result lacks', async () => {
    for (const format of ['parquet', 'csv', 'ndjson']) {
      assert.match(await refused({ text: 'd,v\n1,2\n', output: { format, partitionBy: ['day'] } }), /day/)
    }
  })
})
