/** What the user's SQL may be, and what it cannot reach. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { PartitionState } from '../../shared/vocabulary.ts'
import { buckets, givenRun, rowsOf, worked } from './given.ts'

const text = 'a,b\n1,2\n3,4\n'

let outside: string

before(() => {
  outside = mkdtempSync(join(tmpdir(), 'millrace-outside-'))
  writeFileSync(join(outside, 'secret.csv'), 'secret\n')
})

after(() => rmSync(outside, { recursive: true }))

const taken = [
  'FROM input',
  'SELECT * FROM input;',
  'SELECT * FROM input; ',
  'SELECT * FROM input;;',
  'SELECT * FROM input -- a comment',
  'SELECT * FROM input; -- a comment',
  'SELECT * FROM input; /* a\ncomment */ -- and another',
  "SELECT * FROM input WHERE b <> '; --'; -- \";",
  'WITH input2 AS (FROM input) SELECT * FROM input2',
]
for (const sql of taken) {
  test(`${JSON.stringify(sql)} is one SELECT`, async () => {
    const given = await givenRun({ text, sql })
    const { exitCode, log } = await worked(given)
    assert.equal(exitCode, 0, JSON.stringify(log))
    assert.deepEqual(await rowsOf(given), [
      ['1', '2'],
      ['3', '4'],
    ])
  })
}

const noSelect = /The SQL is no SELECT Write one SELECT over `input`\.$/
const notAllowed = /Permission Error.*disabled by configuration/s
/** `OUTSIDE`: a folder that the worker was not given. */
const refused: [string, RegExp][] = [
  ['INSTALL httpfs', noSelect],
  ['LOAD httpfs', noSelect],
  ["ATTACH 'OUTSIDE/new.db'", noSelect],
  ["COPY input TO 'OUTSIDE/new.csv'", notAllowed],
  ["EXPORT DATABASE 'OUTSIDE/new'", notAllowed],
  ["IMPORT DATABASE 'OUTSIDE'", notAllowed],
  ['PRAGMA threads = 8', noSelect],
  ['SET enable_external_access = true', noSelect],
  ['DROP VIEW input', noSelect],
  ['DELETE FROM loaded', noSelect],
  ['EXPLAIN SELECT 1', noSelect],
  ['SELECT * FROM input; SELECT * FROM input', /it has 2 statements/],
  ["SELECT 1; COPY input TO 'OUTSIDE/new.csv'", /it has 2 statements/],
  ['-- nothing', /it has no statement/],
  [' ', /it has no statement/],
  ['SELECT $1 AS x', /parameter/],
  ["SELECT * FROM input) TO 'OUTSIDE/new.csv' --", /syntax error/],
  ["SELECT * FROM read_text('OUTSIDE/secret.csv')", notAllowed],
  ["FROM 'OUTSIDE/secret.csv'", notAllowed],
  ["SELECT * FROM glob('OUTSIDE/*')", notAllowed],
  [
    "SELECT * FROM read_text(current_setting('temp_directory') || '/../../../OUTSIDE/secret.csv')",
    notAllowed,
  ],
  ["SELECT * FROM read_csv('https://127.0.0.1:9/x.csv')", /httpfs|disabled/],
  ["SELECT getenv('HOME') AS home", /getenv does not exist/],
]
for (const [sql, reason] of refused) {
  test(`${JSON.stringify(sql)} fails the partition and touches nothing`, async () => {
    const given = await givenRun({ text, sql: sql.replaceAll('OUTSIDE', outside) })
    const { exitCode, partition, left } = await worked(given)
    const [failure] = partition?.failures ?? []
    assert.deepEqual([exitCode, partition?.state, failure?.code], [1, PartitionState.FAILED, 'APPLICATION'])
    assert.match(failure?.reason ?? '', reason)
    assert.deepEqual(left, [])
    assert.deepEqual(readdirSync(outside), ['secret.csv'])
    assert.deepEqual((await given.objects.list(buckets.output, '')).objects, [])
  })
}
