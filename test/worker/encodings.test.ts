import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode, sourceBytesOf, toUtf8, Utf8Reader } from '../../shared/encoding.ts'
import { type Encoding, encodings } from '../../shared/layout.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { inputOf } from '../ugly/inputs.ts'
import { readPartitioned } from '../ugly/partitioned.ts'
import { rejectsOf, rowsOf, worked } from './given.ts'
import { plannedAndTaken } from './planned.ts'

const smart = new Map([
  ['€', 0x80],
  ['’', 0x92],
  ['Ÿ', 0x9f],
])

function encoded(text: string, encoding: Encoding): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text)
  if (encoding === 'latin-1') return Buffer.from(text, 'latin1')
  if (encoding === 'windows-1252')
    return Buffer.from([...text].map(one => smart.get(one) ?? one.charCodeAt(0)))
  const little = Buffer.from(text, 'utf16le')
  return encoding === 'utf-16le' ? little : little.swap16()
}

test('each byte of latin-1 is the character of its number, each of windows-1252 what browsers make of it or nothing', () => {
  const browser = new TextDecoder('windows-1252')
  for (let byte = 0; byte < 256; byte++) {
    const bytes = Buffer.from([byte])
    assert.equal(decode(bytes, 'latin-1'), String.fromCharCode(byte))
    const undefinedThere = [0x81, 0x8d, 0x8f, 0x90, 0x9d].includes(byte)
    assert.equal(decode(bytes, 'windows-1252'), undefinedThere ? undefined : browser.decode(bytes))
  }
})

test('UTF-16 of either kind is decoded as the strict decoder of the platform does, invalid text not at all', () => {
  const units = fc.array(fc.constantFrom(0x41, 0x0a, 0x0a0a, 0x0d0a, 0xd83d, 0xde00, 0xfeff, 0xe9, 0), {
    maxLength: 9,
  })
  fc.assert(
    fc.property(units, fc.boolean(), (codes, odd) => {
      const bytes = Buffer.from([...codes.flatMap(code => [code & 255, code >> 8]), ...(odd ? [65] : [])])
      assert.equal(decode(bytes, 'utf-16le'), strictly(bytes))
      if (!odd) assert.equal(decode(Buffer.from(bytes).swap16(), 'utf-16be'), strictly(bytes))
    }),
    { seed: 20260302, numRuns: 3000 },
  )
})

function strictly(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-16le', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

test('any bytes, in pieces cut anywhere, become the same UTF-8, which still tells how many bytes they were', () => {
  const given = fc.tuple(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(...encodings),
    fc.integer({ min: 1, max: 7 }),
  )
  fc.assert(
    fc.property(given, ([array, encoding, size]) => {
      const bytes = Buffer.from(array)
      const reader = new Utf8Reader(encoding)
      const parts: Buffer[] = []
      for (let at = 0; at < bytes.length; at += size)
        parts.push(Buffer.from(reader.push(bytes.subarray(at, at + size))))
      const whole = toUtf8(bytes, encoding)
      assert.deepEqual(Buffer.concat([...parts, reader.end()]), whole)
      assert.equal(sourceBytesOf(whole, 0, whole.length, encoding), bytes.length)
    }),
    { seed: 20260303, numRuns: 3000 },
  )
})

/** Behind the sniffing: encoding and dialect are told. */
const csv = {
  header: false,
  delimiter: '¦',
  quote: '"',
  escape: '',
  comment: '',
  columns: { a: 'VARCHAR', b: 'VARCHAR' },
}

test('a CSV object in UTF-16, cut at every byte, gives its records; units that look like newlines are data', async () => {
  const text = 'ä¦"\u0a0a\n\u0d0a"\r\n"😀""\u2028"¦😀\n\n\u0a00¦\n"¦\n"¦\ud83d\ude00'
  const rows = [
    ['ä', '\u0a0a\n\u0d0a'],
    ['😀"\u2028', '😀'],
    ['\u0a00', null],
    ['¦\n', '😀'],
  ]
  for (const encoding of ['utf-16le', 'utf-16be'] as const) {
    const mark = encoding === 'utf-16le' ? [0xff, 0xfe] : [0xfe, 0xff]
    for (const content of [
      encoded(text, encoding),
      Buffer.concat([Buffer.from(mark), encoded(text, encoding)]),
    ]) {
      await everyCutGives(content, { ...csv, encoding }, rows)
    }
  }
})

test('a CSV object in one-byte encodings, cut at every byte, gives its records; 0x80 to 0x9F differ', async () => {
  await everyCutGives(encoded('é¦"ü\n"\n\x80¦\x92\n', 'latin-1'), { ...csv, encoding: 'latin-1' }, [
    ['é', 'ü\n'],
    ['\x80', '\x92'],
  ])
  const text = 'é¦"ü\n"\n€¦’\n'
  await everyCutGives(encoded(text, 'windows-1252'), { ...csv, encoding: 'windows-1252' }, [
    ['é', 'ü\n'],
    ['€', '’'],
  ])
})

async function everyCutGives(content: Buffer, source: Record<string, unknown>, rows: (string | null)[][]) {
  const input = inputOf('csv/a.csv', content, source)
  for (let bytes = 1; bytes <= content.length; bytes++) {
    const read = await readPartitioned(input, bytes, 1 + (bytes % 5))
    assert.ok(!isRefusal(read), JSON.stringify(read))
    assert.deepEqual({ rows: read.rows, rejected: read.rejected }, { rows, rejected: 0 }, `cut at ${bytes}`)
  }
}

async function published(content: Buffer, source: Record<string, unknown>) {
  const given = await plannedAndTaken({ content, source, rejectedRecords: 100 })
  const { exitCode, partition, log } = await worked(given)
  assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
  return { rows: await rowsOf(given), rejects: await rejectsOf(given, partition?.report?.rejectsKey) }
}

test('a record that is not valid in its encoding is rejected at its place in the source, its neighbours are not', async () => {
  const lone = Buffer.concat([
    encoded('ok\n', 'utf-16le'),
    Buffer.from([0x3d, 0xd8, 0x61, 0]),
    encoded('\nü\n', 'utf-16le'),
  ])
  const halves = Buffer.concat([encoded('ok\nü\n', 'utf-16be'), Buffer.from([0xde, 0x00])])
  const odd = Buffer.concat([encoded('ok\nü\n', 'utf-16le'), Buffer.from([0x61])])
  const gap = Buffer.from([0x6f, 0x6b, 10, 0x61, 0x9d, 10, 0xfc, 10])
  for (const [content, encoding, name, byteOffset] of [
    [lone, 'utf-16le', 'UTF-16LE', 6],
    [halves, 'utf-16be', 'UTF-16BE', 10],
    [odd, 'utf-16le', 'UTF-16LE', 10],
    [gap, 'windows-1252', 'windows-1252', 3],
  ] as const) {
    const { rows, rejects } = await published(content, { format: 'lines', encoding })
    assert.deepEqual(rows, [['ok'], ['ü']])
    assert.deepEqual(
      rejects.map(reject => ({ byteOffset: reject.byteOffset, reason: reject.reason })),
      [{ byteOffset, reason: `The record is not valid ${name}.` }],
    )
  }
})

test('every text format takes every encoding', async () => {
  for (const encoding of encodings) {
    const ndjson = await published(encoded('{"a":"é"}\n{"a":"\\u20ac"}\n', encoding), {
      format: 'ndjson',
      encoding,
      columns: { a: 'VARCHAR' },
    })
    assert.deepEqual(
      ndjson.rows.map(([a]) => a),
      ['é', '€'],
    )
    const fixed = await published(encoded('éü 1\nü  2\n', encoding), {
      format: 'fixed',
      encoding,
      fields: [
        { name: 'a', width: 2 },
        { name: 'n', type: 'INTEGER', width: 2 },
      ],
    })
    assert.deepEqual(fixed.rows, [
      ['éü', 1],
      ['ü', 2],
    ])
    const headed = await published(encoded('größe,"na""me"\n1,é\n', encoding), { format: 'csv', encoding })
    assert.deepEqual(headed.rows, [['1', 'é']])
  }
})
