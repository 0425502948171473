import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { csvFields } from '../../shared/csv-fields.ts'
import { readCsvHeader } from '../../shared/csv-header.ts'
import type { Assignment, RunDocument } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import type { ByteRange, Objects } from '../../shared/ports.ts'
import { formatOf } from '../../worker/read/format.ts'
import { ownDialect } from '../../worker/read/own-dialect.ts'
import { readPartition } from '../../worker/read/partition.ts'
import { Rejects } from '../../worker/read/rejects.ts'
import { Spool } from '../../worker/read/spool.ts'

/** Only `read`, in pieces of `chunk` bytes. */
function objectsOf(content: Buffer, chunk: number): Objects {
  const read: Objects['read'] = async (_ref, { range } = {}) => {
    const { start, end } = range ?? { start: 0, end: content.length }
    const pieces: Buffer[] = []
    for (let at = start; at < end; at += chunk) pieces.push(content.subarray(at, Math.min(end, at + chunk)))
    return Readable.from(pieces)
  }
  return { read } as Objects
}

function runOf(content: Buffer, format: string, columns: number): RunDocument {
  const source = { prefix: 'in/', format }
  const pipeline = parsePipeline(
    { name: 'a', source, work: { sql: 'SELECT 1' }, output: { prefix: 'o/' } },
    'a',
  )
  const csv = { delimiter: ',', quote: '"' }
  const header = format === 'csv' ? readCsvHeader(content, csv, true) : undefined
  const skipBytes = header?.endOffset ?? 0
  return {
    runId: 'r',
    pipeline,
    source: { bucket: 'b', key: 'k', bytes: content.length, etag: 'e' },
    columns: Array.from({ length: columns }, (_, at) => ({
      name: format === 'csv' ? `c${at}` : '_json',
      type: 'VARCHAR',
    })),
    layout: {
      format: pipeline.source.format,
      encoding: 'utf-8',
      compression: 'none',
      space: 'bytes',
      skipBytes,
      ...(format === 'csv' ? { csv } : {}),
    },
    dataStart: skipBytes,
    dataEnd: content.length,
    partitionBytes: 1,
    partitions: 1,
  }
}

interface ReadOne {
  range?: ByteRange
  records: string
  rejected: number
}

async function readOne(
  dir: string,
  content: Buffer,
  run: RunDocument,
  assignment: Assignment,
  chunk: number,
): Promise<ReadOne> {
  const format = formatOf(run)
  const spool = new Spool(join(dir, 'spool'), format.dialect)
  const rejects = new Rejects(join(dir, 'rejects'), 0, run)
  try {
    const end = await readPartition(
      { objects: objectsOf(content, chunk), run, assignment, format },
      spool,
      rejects,
    )
    const records = await readFile(spool.file, 'utf8')
    return { ...(end.range ? { range: end.range } : {}), records, rejected: rejects.count }
  } finally {
    spool.close()
    await rm(spool.file)
    await rm(rejects.file, { force: true })
  }
}

/** Behind a wrong guess sound records may look broken. */
function badInput(error: unknown): undefined {
  if (!isError(error, 'BAD_INPUT')) throw error
}

/** As settle does: where a partition's real start is not its neighbour's real end, it is read again from there. */
async function readAll(
  dir: string,
  content: Buffer,
  run: RunDocument,
  partitionBytes: number,
  chunk: number,
) {
  let at = run.dataStart
  let records = ''
  let rejected = 0
  let replanned = 0
  for (
    let start = run.dataStart, partition = 0;
    start < content.length;
    start += partitionBytes, partition++
  ) {
    const assignment = { partition, start, end: Math.min(content.length, start + partitionBytes) }
    const guessed = await readOne(dir, content, run, assignment, chunk).catch(badInput)
    let one = guessed ?? (await readOne(dir, content, run, { ...assignment, exactStart: at }, chunk))
    const expected = at < assignment.end ? at : undefined
    if (one.range?.start !== expected) {
      replanned++
      one = await readOne(dir, content, run, { ...assignment, exactStart: at }, chunk)
    }
    assert.equal(one.range?.start, expected)
    at = one.range?.end ?? at
    records += one.records
    rejected += one.rejected
  }
  assert.equal(at, content.length)
  return { records, rejected, replanned }
}

async function withDir(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-tiling-'))
  await work(dir).finally(() => rm(dir, { recursive: true }))
}

const cell = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'ü', '7', ' ', '漢'), maxLength: 6 }),
  fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', '\r\n', '€'), maxLength: 8 }),
)
const quotedWhereNeeded = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
const table = fc.integer({ min: 2, max: 4 }).chain(columns =>
  fc.record({
    columns: fc.constant(columns),
    rows: fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 12 }),
    ending: fc.constantFrom('\n', '\r\n'),
    mark: fc.boolean(),
    lastEnding: fc.boolean(),
    partitionBytes: fc.integer({ min: 1, max: 60 }),
    chunk: fc.integer({ min: 1, max: 40 }),
  }),
)

test('the partitions of a CSV object, cut anywhere, give the records that one reader sees, and tile it', async () => {
  await withDir(async dir => {
    const property = fc.asyncProperty(table, async given => {
      const header = Array.from({ length: given.columns }, (_, at) => `c${at}`).join(',')
      const lines = [header, ...given.rows.map(row => row.map(quotedWhereNeeded).join(','))]
      const text =
        (given.mark ? '\ufeff' : '') + lines.join(given.ending) + (given.lastEnding ? given.ending : '')
      const content = Buffer.from(text)
      const run = runOf(content, 'csv', given.columns)
      const all = await readAll(dir, content, run, given.partitionBytes, given.chunk)
      const expected = parse(text, { bom: true, from: 2, record_delimiter: ['\n', '\r\n'] })
      const seen = parse(all.records, { record_delimiter: '\n' })
      assert.deepEqual(seen, expected)
      assert.equal(all.rejected, 0)
    })
    await fc.assert(property, { seed: 20260131, numRuns: 1000 })
  })
})

test('any bytes at all, read as CSV, tile and are counted the same however they are cut', async () => {
  await withDir(async dir => {
    const noise = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', 'ü'), maxLength: 60 })
    const sizes = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 9 }))
    const property = fc.asyncProperty(noise, sizes, async (body, [partitionBytes, chunk]) => {
      const content = Buffer.from(`x,y\n${body}`)
      const run = runOf(content, 'csv', 2)
      const serial = await readAll(dir, content, run, content.length, 1000).catch(error => error.code)
      const cut = await readAll(dir, content, run, partitionBytes, chunk).catch(error => error.code)
      if (typeof serial === 'string') assert.equal(cut, serial)
      else assert.deepEqual({ ...cut, replanned: 0 }, { ...serial, replanned: 0 })
    })
    await fc.assert(property, { seed: 20260201, numRuns: 800 })
  })
})

test('lines and NDJSON, cut anywhere, give every line once, and tile without a single re-plan', async () => {
  await withDir(async dir => {
    const line = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'ü', '\r', '\t', '\x1e', '\x1f', '"'), maxLength: 8 }),
      fc.constantFrom('{"a":1}', '{"a":[1,{"b":"}"}]}', ''),
    )
    const given = fc.tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
    const sizes = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 30 }))
    const property = fc.asyncProperty(
      given,
      sizes,
      async ([lines, ending, last], [partitionBytes, chunk]) => {
        const text = lines.join(ending) + (last ? ending : '')
        const content = Buffer.from(text)
        const pieces = text.split('\n')
        const atEnd = pieces.pop() ?? ''
        const expected = [...pieces.map(piece => piece.replace(/\r$/, '')), ...(atEnd === '' ? [] : [atEnd])]
        const asLines = await readAll(dir, content, runOf(content, 'lines', 1), partitionBytes, chunk)
        const seen = asLines.records === '' ? [] : asLines.records.slice(0, -1).split('\n')
        assert.deepEqual(
          seen.map(one => csvFields(Buffer.from(one), ownDialect)[0]),
          expected,
        )
        const asJson = await readAll(dir, content, runOf(content, 'ndjson', 1), partitionBytes, chunk)
        const objects = expected.filter(one => one.startsWith('{'))
        assert.equal(asJson.records.split('\n').length - 1, objects.length)
        assert.equal(asJson.rejected, expected.filter(one => one !== '').length - objects.length)
        assert.deepEqual([asLines.replanned, asJson.replanned], [0, 0])
      },
    )
    await fc.assert(property, { seed: 20260202, numRuns: 300 })
  })
})

test('a cut inside a quoted newline is guessed from the records behind it, without a re-plan', async () => {
  await withDir(async dir => {
    const rows = Array.from(
      { length: 400 },
      (_, at) => `${at},"first line ${at}\nsecond, ""line""\n",${at * 2}`,
    )
    const content = Buffer.from(`id,text,double\n${rows.join('\n')}\n`)
    const run = runOf(content, 'csv', 3)
    const all = await readAll(dir, content, run, 97, 4096)
    assert.equal(parse(all.records).length, 400)
    assert.ok(all.replanned < 8, `${all.replanned} guesses of ${Math.ceil(content.length / 97)} were wrong`)
  })
})

test('a scan from a proven start finds the first record at or behind a cut, guessing nothing', async () => {
  await withDir(async dir => {
    // The quoted field looks like sound records itself: the guess must fail here, the scan must not.
    const content = Buffer.from(`a,b\n1,"${'2,3\n'.repeat(50)}"\n4,5\n`)
    const run = runOf(content, 'csv', 2)
    const assignment = { partition: 1, start: 100, end: content.length }
    await assert.rejects(readOne(dir, content, run, assignment, 4096), /never closes/)
    const scanned = await readOne(dir, content, run, { ...assignment, scanFrom: run.dataStart }, 4096)
    assert.deepEqual(scanned.range, { start: content.length - 4, end: content.length })
    assert.equal(scanned.records, '4,5\n')
  })
})
