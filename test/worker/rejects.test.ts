import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RejectedRecord } from '../../shared/documents.ts'
import { type Given, rejectsOf, worked } from './given.ts'
import { plannedAndTaken } from './planned.ts'

/** The rejects of all partitions, and their reports. */
async function rejectsRead(
  content: string | Buffer,
  source: Record<string, unknown>,
  partitionBytes?: number,
) {
  const cut = partitionBytes === undefined ? {} : { partitionBytes }
  const given = await plannedAndTaken({
    content: Buffer.from(content),
    source,
    rejectedRecords: 1000,
    ...cut,
  })
  const reports = []
  const rejects: RejectedRecord[] = []
  for (const { partition } of given.assignments) {
    const { exitCode, partition: record } = await worked(given, { index: partition })
    assert.equal(exitCode, 0)
    reports.push(record?.report)
    rejects.push(...((await rejectsOf(given, record?.report?.rejectsKey)) as unknown as RejectedRecord[]))
  }
  return { given, reports, rejects: rejects.toSorted((a, b) => a.byteOffset - b.byteOffset) }
}

/** Of the object: what its partition and those before it counted. */
function absoluteLine(
  { given, reports }: { given: Given; reports: { lines?: number }[] },
  reject: RejectedRecord,
): number {
  const before = reports.slice(0, reject.partition).reduce((sum, report) => sum + (report.lines ?? 0), 0)
  return (given.run.layout.skipLines ?? 0) + before + (reject.line ?? Number.NaN)
}

test('a rejected record names its object, its version, its byte and its column, and holds what stands there', async () => {
  const content = 'id,name\n1,a\nx,b\n2,c,d\n'
  const { given, rejects } = await rejectsRead(content, {
    format: 'csv',
    columns: { id: 'INTEGER', name: 'VARCHAR' },
  })
  const { key, version } = given.run.source
  assert.deepEqual(rejects, [
    {
      partition: 0,
      key,
      version,
      byteOffset: 12,
      line: 2,
      column: 'id',
      reason: 'The value does not fit INTEGER exactly.',
      raw: 'x,b',
    },
    {
      partition: 0,
      key,
      version,
      byteOffset: 16,
      line: 3,
      reason: 'The record has 3 fields where the table has 2 columns.',
      raw: '2,c,d',
    },
  ])
})

test('lines are counted as an editor counts them, however the object is cut, over quoted newlines and blank lines', async () => {
  const rows = Array.from({ length: 60 }, (_, at) => {
    if (at % 7 === 3) return `bad${at},x`
    if (at % 11 === 5) return `${at},a,too many`
    if (at % 5 === 2) return `${at},"two\r\nor\nthree ${at}"`
    return at % 4 === 1 ? '' : `${at},plain`
  })
  const content = `"id","the\nname"\r\n${rows.join('\n')}`
  const bad = (line: string) => /^(bad|\d+,a,)/.test(line)
  const lines = content.split('\n')
  const expected = lines.flatMap((line, at) => (bad(line) ? [[at + 1, line]] : []))
  const source = { format: 'csv', header: true, columns: { id: 'INTEGER', 'the\nname': 'VARCHAR' } }
  for (const partitionBytes of [1_000_000, 97, 40]) {
    const read = await rejectsRead(content, source, partitionBytes)
    const seen = read.rejects.map(reject => [absoluteLine(read as never, reject), reject.raw])
    assert.deepEqual(seen, expected, `${partitionBytes}`)
    const counted = read.reports.reduce((sum, report) => sum + (report?.lines ?? 0), 0)
    assert.equal((read.given.run.layout.skipLines ?? 0) + counted, lines.length)
  }
})

test('lines of rejects are found again far behind the last that was marked', async () => {
  const rows = Array.from({ length: 9000 }, (_, at) => (at === 8500 ? 'x,"a\nb"' : `${at},"c\nd"`))
  const read = await rejectsRead(`id,v\n${rows.join('\n')}\n`, {
    format: 'csv',
    columns: { id: 'INTEGER', v: 'VARCHAR' },
  })
  assert.deepEqual(
    read.rejects.map(reject => [absoluteLine(read as never, reject), reject.raw]),
    [[2 + 2 * 8500, 'x,"a\nb"']],
  )
})

test('a record that is no valid text keeps its very bytes, whatever the encoding', async () => {
  const bytes = (hex: string) => Buffer.from(hex, 'hex')
  const read = async (encoding: string, head: string, record: Buffer) => {
    const mark = encoding === 'utf-16le' ? '\ufeff' : ''
    const nodeEncoding = encoding === 'utf-16le' ? 'utf16le' : 'latin1'
    const content = Buffer.concat([Buffer.from(mark + head, nodeEncoding), record])
    const { rejects } = await rejectsRead(content, { format: 'lines', encoding })
    return rejects.map(({ rawBase64 = '', byteOffset, reason }) => [
      Buffer.from(rawBase64, 'base64'),
      byteOffset,
      reason,
    ])
  }
  assert.deepEqual(await read('utf-8', 'ok\n', bytes('61ff62')), [
    [bytes('61ff62'), 3, 'The record is not valid UTF-8.'],
  ])
  assert.deepEqual(await read('utf-16le', 'ok\n', bytes('610000d8e4003cd84ddc6200')), [
    [bytes('610000d8e4003cd84ddc6200'), 8, 'The record is not valid UTF-16LE.'],
  ])
  assert.deepEqual(await read('windows-1252', 'ok\n', bytes('80e4ff8161')), [
    [bytes('80e4ff8161'), 3, 'The record is not valid windows-1252.'],
  ])
})

test('valid text of another encoding is kept as text alone', async () => {
  const content = Buffer.from('\ufeffid\nö\n', 'utf16le')
  const { rejects } = await rejectsRead(content, { format: 'csv', header: true, columns: { id: 'INTEGER' } })
  assert.deepEqual(
    rejects.map(({ raw, rawBase64, byteOffset }) => [raw, rawBase64, byteOffset]),
    [['ö', undefined, 8]],
  )
})
