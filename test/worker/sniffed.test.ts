/** Files of which the pipeline says nothing but that they are CSV, from planning to the table. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { headBytesMax } from '../../shared/plan.ts'
import { columnsOf } from '../../shared/sample/agree.ts'
import { textSample } from '../../shared/sample/sample.ts'
import { rowsOf, worked } from './given.ts'
import { plannedAndTaken } from './planned.ts'

const rows = [
  ['1', 'Müller; a, b', '2,5'],
  ['2', 'two\nlines', null],
  ['3', 'größe', '10'],
]

/** With a header; a field is quoted where it holds the delimiter or a newline. */
function written(delimiter: string, quote: string, newline: string): string {
  const field = (text: string | null): string =>
    text !== null && (text.includes(delimiter) || text.includes('\n'))
      ? `${quote}${text}${quote}`
      : (text ?? '')
  const all = [['id', 'name', 'n'], ...rows].map(row => row.map(field).join(delimiter))
  return all.map(line => line + newline).join('')
}

const files: [what: string, content: Buffer][] = [
  ['commas, UTF-8', Buffer.from(written(',', '"', '\n'))],
  ['semicolons, CRLF, windows-1252', Buffer.from(written(';', '"', '\r\n'), 'latin1')],
  ['tabs, UTF-16', Buffer.from(`\ufeff${written('\t', '"', '\r\n')}`, 'utf16le')],
  ['bars, single quotes, UTF-16 without a mark', Buffer.from(written('|', "'", '\n'), 'utf16le').swap16()],
  ['^A, comments before the header', Buffer.from(`#1\n#2\n${written('\x01', '"', '\n')}`)],
]
for (const [what, content] of files) {
  test(`a table is the same table in any dialect and encoding: ${what}`, async () => {
    const partitionBytes = Math.ceil(content.length / 4) * 2
    const given = await plannedAndTaken({ content, source: { format: 'csv' }, partitionBytes })
    for (const { partition } of given.assignments) {
      const { exitCode, log } = await worked(given, { index: partition })
      assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
    }
    assert.deepEqual(
      (await rowsOf(given, 'SELECT * FROM output ORDER BY id')).map(row => row.slice(0, 3)),
      rows,
    )
  })
}

for (const name of ['airports.csv', 'species.csv', 'sp500-2000.csv', 'unemployment.tsv']) {
  test(`no record of a sample is rejected by the types that were found in it: ${name}`, async () => {
    const whole = readFileSync(new URL(`../../node_modules/vega-datasets/data/${name}`, import.meta.url))
    const head = whole.subarray(0, headBytesMax)
    const content = whole.length > headBytesMax ? head.subarray(0, head.lastIndexOf('\n') + 1) : whole
    const sample = textSample({ bytes: content, whole: true })
    assert.ok(!isRefusal(sample))
    const columns = Object.fromEntries(columnsOf(sample).map(column => [column.name, column.type]))
    assert.ok(Object.values(columns).some(type => type !== 'VARCHAR'))
    const given = await plannedAndTaken({ content, source: { ...sample.source, columns } })
    const { partition } = await worked(given)
    assert.deepEqual(
      [partition?.report?.recordsRead, partition?.report?.recordsRejected],
      [sample.records, 0],
    )
  })
}
