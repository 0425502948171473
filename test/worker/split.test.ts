/** The split stage on real bytes: what it lays down, and what the partitions read of it. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { csvFields } from '../../shared/csv-fields.ts'
import { type RunDocument, stateKeys } from '../../shared/documents.ts'
import { isError, MillraceError } from '../../shared/errors.ts'
import { createMemoryObjects } from '../../shared/memory/objects.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { planPieces, splitsFirst } from '../../shared/plan/split.ts'
import { cut, planRun } from '../../shared/plan.ts'
import type { Objects } from '../../shared/ports.ts'
import type { Report } from '../../shared/records.ts'
import { createLog } from '../../worker/log.ts'
import { formatOf } from '../../worker/read/format.ts'
import { ownDialect } from '../../worker/read/own-dialect.ts'
import { readPartition } from '../../worker/read/partition.ts'
import { Rejects } from '../../worker/read/rejects.ts'
import { Spool } from '../../worker/read/spool.ts'
import { split } from '../../worker/split/split.ts'
import { buckets, contentOf, runId, steppingClock } from './given.ts'

interface Dropped {
  objects: Objects
  run: RunDocument
}

/** As planned from its head, but to be split however small it is, with partitions of so many bytes. */
async function dropped(
  content: Buffer,
  source: Record<string, unknown>,
  partitionBytes: number,
): Promise<Dropped> {
  const objects = createMemoryObjects({ versioned: true })
  const ref = { bucket: buckets.drops, key: 'in/a' }
  const { bytes, etag } = await objects.write(ref, content)
  const output = { prefix: 'out/' }
  const given = { name: 'a', source: { prefix: 'in/', ...source }, work: { sql: 'SELECT 1' }, output }
  const look = {
    source: { ...ref, bytes, etag },
    head: content.subarray(0, 64 * 1024),
    read: async ({ start, end }: { start: number; end: number }) => content.subarray(start, end),
  }
  const planned = await planRun(runId, parsePipeline(given, 'a'), look, partitionBytes)
  if (isRefusal(planned)) return assert.fail(planned.words)
  const run: RunDocument = {
    ...planned,
    layout: { ...planned.layout, space: 'pieces' },
    dataStart: 0,
    dataEnd: bytes,
    partitionBytes,
    partitions: 0,
  }
  assert.ok(splitsFirst(run))
  return { objects, run }
}

function splitUp({ objects, run }: Dropped, signal?: AbortSignal): Promise<Report> {
  const log = createLog(steppingClock(), () => undefined)
  return split({ objects, buckets, run, log, elapsedMs: () => 0, signal })
}

/** As the work stage sees it. */
async function worked(given: Dropped): Promise<Dropped> {
  const { split: laid } = await splitUp(given)
  assert.ok(laid)
  const run = planPieces(given.run, laid, buckets.state)
  if (isRefusal(run)) return assert.fail(run.words)
  return { ...given, run }
}

async function piecesOf(objects: Objects): Promise<{ keys: string[]; content: Buffer }> {
  const { objects: found } = await objects.list(buckets.state, stateKeys.piecesPrefix(runId))
  const keys = found.map(({ key }) => key)
  const parts: Buffer[] = []
  for (const key of keys) parts.push(await contentOf(objects, buckets.state, key))
  return { keys, content: Buffer.concat(parts) }
}

async function readOne(dir: string, { objects, run }: Dropped, partition: number, exactStart?: number) {
  const format = formatOf(run)
  const spool = new Spool(join(dir, 'spool'), format.dialect)
  const rejects = new Rejects(join(dir, 'rejects'), 0, run)
  const assignment = { ...cut(run, partition), ...(exactStart === undefined ? {} : { exactStart }) }
  try {
    const { range } = await readPartition({ objects, run, assignment, format }, spool, rejects)
    return { range, records: await readFile(spool.file, 'utf8'), rejected: rejects.count }
  } finally {
    spool.close()
    await rm(spool.file)
    await rm(rejects.file, { force: true })
  }
}

/** Every partition; where its guess was wrong, again from where its neighbour ended, as settle has it done. */
async function readAll(given: Dropped) {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-split-'))
  const all = { records: '', rejected: 0 }
  let at = given.run.dataStart
  try {
    for (let partition = 0; partition < given.run.partitions; partition++) {
      const begins = at < cut(given.run, partition).end ? at : undefined
      const guessed = await readOne(dir, given, partition).catch(error => {
        if (!isError(error, 'BAD_INPUT')) throw error
      })
      const right = guessed !== undefined && guessed.range?.start === begins
      const one = right ? guessed : await readOne(dir, given, partition, at)
      assert.equal(one.range?.start, begins)
      at = one.range?.end ?? at
      all.records += one.records
      all.rejected += one.rejected
    }
  } finally {
    await rm(dir, { recursive: true })
  }
  assert.equal(at, given.run.dataEnd, 'the partitions tile what was split')
  return all
}

const jsonOf = (spooled: string): unknown[] =>
  spooled === ''
    ? []
    : spooled
        .slice(0, -1)
        .split('\n')
        .map(line => JSON.parse(csvFields(Buffer.from(line), ownDialect)[0] ?? ''))

describe('a split source', () => {
  test('gives the objects of a JSON array, cut and chunked anywhere, as JSON.parse does', async () => {
    const element = fc.oneof(
      fc.object({ maxDepth: 2 }),
      fc.dictionary(fc.string(), fc.string()),
      fc.integer(),
    )
    const layout = fc.tuple(fc.constantFrom(0, 1, '\t'), fc.constantFrom('', '\ufeff', '\n '))
    const sizes = fc.integer({ min: 8, max: 120 })
    const property = fc.asyncProperty(
      fc.array(element, { minLength: 1, maxLength: 8 }),
      layout,
      sizes,
      async (elements, [indent, before], partitionBytes) => {
        const text = `${before}${JSON.stringify(elements, null, indent)}\n`.padEnd(partitionBytes + 1)
        const given = await worked(await dropped(Buffer.from(text), { format: 'json' }, partitionBytes))
        const { records, rejected } = await readAll(given)
        const parsed = JSON.parse(text.replace('\ufeff', '')) as unknown[]
        const objects = parsed.filter(one => typeof one === 'object')
        assert.deepEqual(jsonOf(records), objects)
        assert.equal(rejected, parsed.length - objects.length)
      },
    )
    await fc.assert(property, { seed: 20261124, numRuns: 40 })
  })

  test('gives the records of a gzip CSV with newlines in quotes, header left out, as csv-parse does', async () => {
    const rows = Array.from({ length: 300 }, (_, at) => `${at},"line ${at}\nand ""more""",${at % 7}`)
    const text = `id,text,n\r\n${rows.join('\r\n')}\r\n`
    for (const partitionBytes of [61, 500, 4000]) {
      const given = await dropped(gzipSync(text), { format: 'csv' }, partitionBytes)
      const { records } = await readAll(await worked(given))
      assert.deepEqual(parse(records), parse(text, { from: 2 }))
    }
  })
})

describe('the splitter', () => {
  const text = Array.from({ length: 400 }, (_, at) => `{"id":${at},"at":${at * 7919}}\n`).join('')
  const gzip = gzipSync(text)

  test('lays down the decompressed bytes in pieces of one size, and says how many', async () => {
    const given = await dropped(gzip, { format: 'ndjson' }, 1000)
    const report = await splitUp(given)
    const { keys, content } = await piecesOf(given.objects)
    assert.equal(content.toString(), text)
    assert.deepEqual(report.split, { bytes: text.length, pieceBytes: 1000, pieces: keys.length })
    assert.deepEqual(report.range, { start: 0, end: gzip.length })
  })

  test('goes on from the pieces that a stopped attempt laid down, and writes none of them again', async () => {
    const given = await dropped(gzip, { format: 'ndjson' }, 1000)
    const stop = new AbortController()
    const written: string[] = []
    const objects: Objects = {
      ...given.objects,
      write: async (ref, body, options) => {
        written.push(ref.key)
        if (written.length === 5) stop.abort()
        return given.objects.write(ref, body, options)
      },
    }
    const slow: Objects = { ...objects, read: async (ref, options) => await objects.read(ref, options) }
    await splitUp({ ...given, objects: slow }, stop.signal).catch(error =>
      assert.equal(error.code, 'STOPPED'),
    )
    const before = written.length
    await splitUp({ ...given, objects })
    assert.equal(new Set(written).size, written.length)
    assert.ok(before < written.length || before === (await piecesOf(given.objects)).keys.length)
    assert.equal((await piecesOf(given.objects)).content.toString(), text)
  })

  test('may run twice at once: both lay down the same', async () => {
    const given = await dropped(gzip, { format: 'ndjson' }, 1000)
    const [one, other] = await Promise.all([splitUp(given), splitUp(given)])
    assert.deepEqual(one.split, other.split)
    assert.equal((await piecesOf(given.objects)).content.toString(), text)
  })

  test('cannot take a piece for its own that is of another size', async () => {
    const given = await dropped(gzip, { format: 'ndjson' }, 1000)
    await given.objects.write({ bucket: buckets.state, key: stateKeys.piece(runId, 1) }, Buffer.alloc(7))
    await assert.rejects(splitUp(given), { code: 'COUNT_MISMATCH' })
  })

  test('refuses a stream that breaks off, and a document that does', async () => {
    const refused = (refusal: string) => (error: unknown) =>
      error instanceof MillraceError && error.code === 'BAD_INPUT' && error.refusal === refusal
    const cutOff = await dropped(gzip.subarray(0, -30), { format: 'ndjson' }, 1000)
    await assert.rejects(splitUp(cutOff), refused('STREAM_TRUNCATED'))
    // Longer than the head, which planning sees.
    const long = Buffer.from(`[${'{"a":1},\n'.repeat(20_000)}`)
    const broken = await dropped(long, { format: 'json' }, 1000)
    await assert.rejects(splitUp(broken), refused('JSON_BROKEN'))
  })
})
