/** Files that nobody has described: format and columns by their content. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { headBytesMax } from '../../shared/plan.ts'
import { columnsOf } from '../../shared/sample/agree.ts'
import type { Sample } from '../../shared/sample/findings.ts'
import { textSample } from '../../shared/sample/sample.ts'

function sampleOf(content: Buffer | string): Sample | string {
  const bytes = Buffer.from(content)
  const sample = textSample({
    bytes: bytes.subarray(0, headBytesMax),
    whole: bytes.length <= headBytesMax,
  })
  return isRefusal(sample) ? sample.code : sample
}

function settings(content: Buffer | string): object | string {
  const sample = sampleOf(content)
  return typeof sample === 'string' ? sample : sample.source
}

describe('the format of a file', () => {
  const lineOf = (start: string): string =>
    `${start} 10.0.0.1 10.0.0.2 443 49152 6 10 840 1620000000 1620000060 ACCEPT OK\n`
  const cases: [what: string, content: string, source: object | string][] = [
    ['one object a line', '{"a":1}\n{"a":2}\n', { format: 'ndjson' }],
    ['one object in all', '{"a":1}', { format: 'ndjson' }],
    ['objects over several lines', '[\n {"a":\n1}, {"a": 2}\n]', { format: 'json' }],
    [
      'the longest array of several',
      '{"notes": [{"a":1}], "rows": [\n{"b":1},{"b":2}]}',
      { format: 'json', path: 'rows' },
    ],
    ['an array within one line', '{"rows":[{"a":1},{"a":2}]}', { format: 'json', path: 'rows' }],
    ['a document without an array of objects', '{\n"a": [1, 2]\n}\n', 'JSON_ARRAY_MISSING'],
    ['a text in braces', '{a} b\n{c}\nd\n', { format: 'lines' }],
    ['one column of numbers', 'n\n1\n2\n', { format: 'csv', header: true, delimiter: ',' }],
    ['a line for Excel', 'sep=;\nid;n\n1;2,5\n', { format: 'csv', header: true, delimiter: ';' }],
    ['one column of words', 'name\nAnn\nBob\n', { format: 'lines' }],
    ['a flow log', lineOf('2 123456789010 eni-1235b8ca123456789'), { format: 'lines', preset: 'vpc-flow' }],
    ['nothing', '\n\n', 'SAMPLE_EMPTY'],
    ['a header with a name twice', 'a,A\nx,y\n', 'HEADER_AMBIGUOUS'],
  ]
  for (const [what, content, source] of cases) {
    test(`is seen from ${what}`, () => assert.deepEqual(settings(content), source))
  }
})

describe('JSON files that others wrote', () => {
  const folder = new URL('../../node_modules/vega-datasets/data/', import.meta.url)
  const files = readdirSync(folder).filter(name => name.endsWith('.json'))
  const withoutRecords = ['annual-precip', 'volcano']

  test('are told to have no records where they have none', () => {
    for (const name of withoutRecords) {
      assert.equal(settings(readFileSync(new URL(`${name}.json`, folder))), 'JSON_ARRAY_MISSING', name)
    }
  })

  for (const name of files) {
    if (withoutRecords.some(each => name.startsWith(each))) continue
    test(`are seen to be JSON, with the fields that JSON.parse finds: ${name}`, () => {
      const content = readFileSync(new URL(name, folder))
      const sample = sampleOf(content)
      assert.ok(typeof sample !== 'string', String(sample))
      assert.equal(sample.source.format, 'json')
      const records = recordsAt(JSON.parse(content.toString()), sample.source.path)
      const looked = records.slice(0, sample.records)
      const expected = new Set(looked.flatMap(record => Object.keys(record)))
      assert.ok(sample.records > 0)
      assert.deepEqual(
        columnsOf(sample).map(column => column.name),
        [...expected],
      )
    })
  }
})

function recordsAt(document: unknown, path: unknown): object[] {
  const names = typeof path === 'string' ? path.split('.') : []
  return names.reduce((value, name) => (value as Record<string, unknown>)[name], document) as object[]
}
