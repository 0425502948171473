/** Files whose lines end in CR alone: nothing of them may vanish in a header. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { planText } from '../../shared/plan/text.ts'
import { pipelineOf } from './given.ts'

const fields = [{ name: 'a', width: 1 }]

function planned(content: string | Buffer, source: object) {
  const pipeline = pipelineOf({ source: { prefix: 'in/', ...source } })
  return planText(pipeline, { bytes: Buffer.from(content), whole: true })
}

function refusalOf(content: string | Buffer, source: object): string | undefined {
  const plan = planned(content, source)
  return isRefusal(plan) ? `${plan.code}: ${plan.words}` : undefined
}

const refused: [string, string | Buffer, object, at: number][] = [
  ['a CSV', 'a,b\r1,2\r3,4\r', { format: 'csv' }, 3],
  ['a CSV without a header', '1\r2\r3', { format: 'csv', header: false, columns: { a: 'VARCHAR' } }, 1],
  ['a CSV in UTF-16', Buffer.from('\ufeffa,b\r1,2\r', 'utf16le'), { format: 'csv' }, 8],
  ['NDJSON', '{"a":1}\r{"a":2}\r', { format: 'ndjson' }, 7],
  ['fixed fields', '1\r2\r', { format: 'fixed', fields }, 1],
]
for (const [what, content, source, at] of refused) {
  test(`${what} cannot have lines that end in CR alone`, () => {
    const words = new RegExp(`^LINE_ENDS_NOT_SUPPORTED: .* at byte ${at} `)
    assert.match(refusalOf(content, source) ?? '', words)
  })
}

const taken: [string, string, object][] = [
  ['CRLF', 'a,b\r\n1,2\r\n', { format: 'csv' }],
  ['a CR in a quoted field', 'a,b\n1,"2\r3"', { format: 'csv' }],
  ['a single record that ends in CR', 'a,b\r', { format: 'csv' }],
  ['a CR in a line of `lines`, which stays in it', '10 %\r100 %', { format: 'lines' }],
  ['CR between the tokens of a JSON document', '[{"a":1},\r{"a":2}]', { format: 'json' }],
  ['CR in records of so many bytes', '1\r2\r', { format: 'fixed', fields, recordBytes: 2 }],
]
for (const [what, content, source] of taken) {
  test(`${what} can be`, () => assert.equal(refusalOf(content, source), undefined))
}
