import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePipeline } from '../../shared/pipeline.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { inputOf } from '../ugly/inputs.ts'
import { readPartitioned } from '../ugly/partitioned.ts'
import { rejectsOf, rowsOf, worked } from './given.ts'
import { plannedAndTaken } from './planned.ts'

const fields = [
  { name: 'code', width: 3 },
  { name: 'amount', type: 'DECIMAL(6,2)', width: 6 },
  { name: 'name', width: 4, start: 10 },
]

async function published(content: string | Buffer, source: Record<string, unknown>) {
  const options = {
    content: Buffer.from(content),
    source: { format: 'fixed', ...source },
    rejectedRecords: 100,
  }
  const given = await plannedAndTaken(options)
  const { exitCode, partition, log } = await worked(given)
  assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
  const rejects = await rejectsOf(given, partition?.report?.rejectsKey)
  return {
    rows: await rowsOf(given),
    rejects: rejects.map(({ byteOffset, reason }) => `${byteOffset}: ${reason}`),
  }
}

test('fields are cut by characters, trimmed of spaces, typed; a field of spaces alone is NULL', async () => {
  const lines = ['a b 12.50|Ünal', '   -00001|😀 x ', '"""      |\t,\x1f ', 'x      7 |z\r']
  const { rows, rejects } = await published(`${lines.join('\n')}\n`, { fields })
  assert.deepEqual(rejects, [])
  assert.deepEqual(rows, [
    ['a b', '12.50', 'Ünal'],
    [null, '-1.00', '😀 x'],
    ['"""', null, '\t,\x1f'],
    ['x', '7.00', 'z'],
  ])
})

test('a line may end within its last field and be padded behind it, and is rejected where more lacks or follows', async () => {
  const { rows, rejects } = await published(
    'a  1      n   \na  1      n\na  1      nnnn   \na  1      \na  1\na  1      nnnnX\n\n',
    {
      fields,
    },
  )
  assert.deepEqual(rows, [
    ['a', '1.00', 'n'],
    ['a', '1.00', 'n'],
    ['a', '1.00', 'nnnn'],
  ])
  assert.deepEqual(rejects, [
    '45: The record has 10 characters where its fields need 14.',
    '56: The record has 4 characters where its fields need 14.',
    '61: The record has 15 characters where its fields end at 14.',
  ])
})

const byBytes = {
  recordBytes: 6,
  fields: [
    { name: 'a', width: 2 },
    { name: 'b', width: 2, start: 3 },
  ],
}

test('records of so many bytes are cut by arithmetic, newlines in them or not, whatever the partitions', async () => {
  const content = Buffer.from('ab-cd!\n\n-\r\n! 1- 2!"x-y"!')
  const rows = [
    ['ab', 'cd'],
    ['\n\n', '\r\n'],
    ['1', '2'],
    ['"x', 'y"'],
  ]
  const input = inputOf('fixed/a.txt', content, byBytes)
  for (let bytes = 1; bytes <= content.length; bytes++) {
    const read = await readPartitioned(input, bytes, 1 + (bytes % 5))
    assert.ok(!isRefusal(read))
    assert.deepEqual(read, { partitions: Math.ceil(content.length / bytes), rows, rejected: 0, recut: 0 })
  }
  const { rows: through } = await published(content, byBytes)
  assert.deepEqual(through, rows)
})

test('a last record that is short, and one that a character was cut in, are rejected at their place', async () => {
  const { rows, rejects } = await published('ab-cd!aaaaaü-cd!x', { ...byBytes, encoding: 'utf-8' })
  assert.deepEqual(rows, [['ab', 'cd']])
  assert.deepEqual(rejects, ['6: The record is not valid UTF-8.', '12: The record is not valid UTF-8.'])
  const short = await published('ab-cd!x', byBytes)
  assert.deepEqual(short.rejects, ['6: The last record has 1 bytes where records have 6.'])
})

test('records of so many bytes in UTF-16 are counted in bytes, and refused where they cut a character', async () => {
  const utf16 = { recordBytes: 6, encoding: 'utf-16le', fields: [{ name: 'a', width: 2 }] }
  const content = Buffer.from('äb\nc\u0a0a!', 'utf16le')
  const input = inputOf('fixed/a.txt', content, utf16)
  for (let bytes = 1; bytes <= content.length; bytes++) {
    const read = await readPartitioned(input, bytes, 1 + (bytes % 3))
    assert.ok(!isRefusal(read))
    assert.deepEqual(read.rows, [['äb'], ['c\u0a0a']])
  }
  for (const [text, recordBytes] of [
    ['ab😀cd', 6],
    ['abc', 5],
  ] as const) {
    const given = await plannedAndTaken({
      content: Buffer.from(text, 'utf16le'),
      source: { ...utf16, format: 'fixed', recordBytes, fields: [{ name: 'a', width: 1 }] },
    })
    const { partition } = await worked(given)
    assert.equal(partition?.failures?.[0]?.refusal, 'RECORD_SPLITS_CHARACTER')
  }
})

function load(source: Record<string, unknown>) {
  const rest = { work: { sql: 'SELECT 1' }, output: { prefix: 'out/' } }
  return parsePipeline({ name: 'a', source: { prefix: 'in/', format: 'fixed', ...source }, ...rest }, 'a.ts')
}

test('fields of one name, or beyond the record, are a fault of the pipeline', () => {
  assert.throws(
    () =>
      load({
        fields: [
          { name: 'a', width: 1 },
          { name: 'A', width: 1 },
        ],
      }),
    /name A twice/,
  )
  assert.throws(() => load({ ...byBytes, recordBytes: 4 }), /less than the 5 characters/)
  assert.doesNotThrow(() => load({ ...byBytes, recordBytes: 5 }))
})
