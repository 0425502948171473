import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { RunState } from '../../shared/vocabulary.ts'
import { certificateAt } from '../story/published.ts'
import { dropped, openStory } from '../story/story.ts'
import { python } from './servers.ts'

const typed = {
  name: 'typed',
  source: {
    prefix: 'typed/',
    format: 'csv',
    columns: {
      id: 'BIGINT',
      small: 'SMALLINT',
      price: 'DECIMAL(12,2)',
      ratio: 'DOUBLE',
      day: 'DATE',
      at: 'TIMESTAMP',
      zoned: 'TIMESTAMPTZ',
      ok: 'BOOLEAN',
      words: 'VARCHAR',
    },
  },
  work: { sql: 'FROM input' },
  output: { prefix: 'typed/' },
}

const source = `id,small,price,ratio,day,at,zoned,ok,words
9007199254740993,-32768,1234567890.12,0.1,2024-02-29,2024-02-29 23:59:59.123456,2024-03-01T01:30:00+02:00,true,"a ""quoted"", word
on two lines"
2,,,,,,,,""
3,32767,-0.01,-1e300,1969-12-31,1969-12-31 23:59:59,1970-01-01T00:00:00Z,false,żółć 🐎
`

const pyarrow = existsSync(python)
  ? undefined
  : 'pyarrow is not installed (test/second-opinions/install.sh says why)'

describe('What we publish, read by pyarrow', () => {
  it('has the types, the compression and the values of the source', { skip: pyarrow }, async () => {
    const story = await openStory({ 'typed.ts': typed })
    try {
      const run = await dropped(story, 'typed/values.csv', source, { partitionBytes: 90 })
      assert.equal(run.state, RunState.SUCCEEDED, run.failure?.words)
      const certificate = certificateAt({ dataDir: story.dataDir, certificate: run.certificate ?? '' })
      assert.ok(certificate.partitions.filter(({ outputs }) => outputs.length > 0).length > 1)
      const files = certificate.partitions.flatMap(({ outputs }) =>
        outputs.map(({ key }) => fileOf(story.dataDir, key)),
      )
      const read = JSON.parse(
        execFileSync(python, [path.join(import.meta.dirname, 'reads_parquet.py'), ...files], {
          encoding: 'utf8',
        }),
      )
      assert.deepEqual(read.compressions, ['ZSTD'])
      for (const schema of read.schemas) assert.deepEqual(schema, wantedSchema)
      assert.deepEqual(read.rows, wantedRows)
    } finally {
      await story.close()
    }
  })
})

const fileOf = (dataDir: string, key: string): string => path.join(dataDir, 'objects', 'output', key)

const wantedSchema = [
  ['id', 'int64'],
  ['small', 'int16'],
  ['price', 'decimal128(12, 2)'],
  ['ratio', 'double'],
  ['day', 'date32[day]'],
  ['at', 'timestamp[us]'],
  ['zoned', 'timestamp[us, tz=UTC]'],
  ['ok', 'bool'],
  ['words', 'string'],
]

const wantedRows = [
  {
    id: '9007199254740993',
    small: '-32768',
    price: '1234567890.12',
    ratio: '0.1',
    day: '2024-02-29',
    at: '2024-02-29 23:59:59.123456',
    zoned: '2024-02-29 23:30:00+00:00',
    ok: 'True',
    words: 'a "quoted", word\non two lines',
  },
  { id: '2', small: null, price: null, ratio: null, day: null, at: null, zoned: null, ok: null, words: '' },
  {
    id: '3',
    small: '32767',
    price: '-0.01',
    ratio: '-1e+300',
    day: '1969-12-31',
    at: '1969-12-31 23:59:59',
    zoned: '1970-01-01 00:00:00+00:00',
    ok: 'False',
    words: 'żółć 🐎',
  },
]
