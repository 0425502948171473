import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isError } from '../../shared/errors.ts'
import { isCommand, sqlOf } from '../../shared/pipeline/work.ts'
import { parsePipeline } from '../../shared/pipeline.ts'

const columns = { id: 'bigint', name: 'VARCHAR' }
const command = ['python3', '/opt/clean.py']

function parsed(work: object, more: { source?: object; output?: object } = {}) {
  const source = { prefix: 'in/', format: 'csv', ...more.source }
  return parsePipeline({ name: 'a', source, work, output: { prefix: 'out/', ...more.output } }, 'a.ts')
}

describe('the work of a pipeline', () => {
  test('is SQL, or a command with the columns of its results', () => {
    assert.equal(sqlOf(parsed({ sql: 'SELECT 1' }).work), 'SELECT 1')
    const { work } = parsed({ command, columns })
    assert.ok(isCommand(work))
    const defaults = { command, input: 'ndjson', header: false, columns: { id: 'BIGINT', name: 'VARCHAR' } }
    assert.deepEqual(work, defaults)
    assert.throws(
      () => sqlOf(work),
      error => isError(error, 'INVARIANT_BROKEN'),
    )
  })

  test('stays what it is when a parsed one is parsed again', () => {
    for (const work of [{ sql: 'SELECT 1' }, { command, columns, input: 'raw', header: true }]) {
      const once = parsed(work)
      assert.deepEqual(parsed(once.work), once)
    }
  })

  for (const [what, work, path, more] of [
    ['neither', {}, 'work', {}],
    ['both', { sql: 'SELECT 1', command, columns }, 'work', {}],
    ['a command without a word', { command: [], columns }, 'work.command', {}],
    ['a command without a program', { command: ['', 'x'], columns }, 'work.command', {}],
    ['a command without columns', { command }, 'work.columns', {}],
    ['SQL with the settings of commands', { sql: 'SELECT 1', input: 'csv' }, 'work.input', {}],
    ['an unknown key', { command, columns, shell: true }, 'work.shell', {}],
    ['an unknown input', { command, columns, input: 'xml' }, 'work.input', {}],
    ['a column twice', { command, columns: { a: 'DATE', A: 'DATE' } }, 'work.columns.A', {}],
    ['a column that is kept for Millrace', { command, columns: { _json: 'JSON' } }, 'work.columns._json', {}],
    ['a command over Parquet', { command, columns }, 'work.command', { source: { format: 'parquet' } }],
    ['raw Avro', { command, columns, input: 'raw' }, 'work.input', { source: { format: 'avro' } }],
    [
      'raw records with places',
      { command, columns, input: 'raw' },
      'work.input',
      { source: { metadata: true } },
    ],
    ['a header of records that are not raw', { command, columns, header: true }, 'work.header', {}],
    [
      'folders of a column that results lack',
      { command, columns },
      'output.partitionBy',
      { output: { partitionBy: ['day'] } },
    ],
  ] as const) {
    test(`cannot be ${what}`, () => {
      assert.throws(
        () => parsed(work, more),
        error => {
          assert.ok(isError(error, 'PIPELINE_INVALID'))
          assert.ok(
            error.faults.some(fault => fault.path === path),
            JSON.stringify(error.faults),
          )
          return error.faults.every(({ remedy }) => /^[A-Z].*\.$/.test(remedy))
        },
      )
    })
  }
})
