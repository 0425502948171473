/** The bytes of what is replayed: those of the source, whatever it is. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { gather } from '../../cli/reject-gather.ts'
import { RejectSource } from '../../cli/reject-source.ts'
import { rejectedRawBytesMax, stateKeys } from '../../shared/documents.ts'
import { fromUtf8 } from '../../shared/encoding.ts'
import type { Encoding } from '../../shared/layout.ts'
import { createMemoryObjects } from '../../shared/memory/objects.ts'
import { firstRound } from '../../shared/plan.ts'
import type { RunRecord } from '../../shared/records.ts'
import type { World } from '../../shared/world.ts'
import { bgzfBlock, bgzfEnd, membersOf } from '../worker/compressed-given.ts'
import { buckets, type Given, runId, worked } from '../worker/given.ts'
import { listedRun } from '../worker/listed.ts'
import { plannedAndTaken } from '../worker/planned.ts'

const rejectedRecords = 1000
/** A difference of records this long is no use to see. */
const sha256 = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex')

async function gathered(t: TestContext, given: Given) {
  for (const { partition } of given.assignments) {
    const { exitCode, log } = await worked(given, { index: partition })
    assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
  }
  return gatheredOf(t, given)
}

async function gatheredOf(t: TestContext, given: Given, objects = given.objects) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-replay-test-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const world = { objects, records: given.records, config: { buckets } } as unknown as World
  const run = { runId, partitions: given.run.partitions } as RunRecord
  const { files, lost, lostShown, records } = await gather(world, run, given.run, dir)
  const contents = files.map(({ file, bytes }) => {
    const content = readFileSync(file)
    assert.equal(content.length, bytes)
    return content
  })
  return { contents, lost, lostShown, records }
}

/** What was gathered of a source of one object; all of it, in one file. */
async function replayOf(
  t: TestContext,
  content: Buffer,
  source: Record<string, unknown>,
  partitionBytes?: number,
) {
  const cuts = partitionBytes === undefined ? {} : { partitionBytes }
  const given = await plannedAndTaken({ content, source, rejectedRecords, ...cuts })
  const { contents, lost, lostShown } = await gathered(t, given)
  assert.equal(lost, 0, JSON.stringify(lostShown))
  assert.equal(contents.length, 1)
  return { replay: contents[0] ?? Buffer.alloc(0), given }
}

const typed = { format: 'csv', columns: { id: 'INTEGER', text: 'VARCHAR' } }

test('records keep quotes, newlines within them and CRLF between them, behind their header', async t => {
  const text = 'id,text\r\n1,a\r\nx,"b ""c""\r\nd"\r\n2,e,f\r\n3,g\r\ny,"h\ni"\r\n'
  const { replay } = await replayOf(t, Buffer.from(text), typed)
  // In each partition, what does not fit its type follows what is broken.
  assert.equal(replay.toString(), 'id,text\r\n2,e,f\r\nx,"b ""c""\r\nd"\r\ny,"h\ni"\r\n')
})

for (const encoding of ['utf-16le', 'utf-16be', 'windows-1252'] satisfies Encoding[]) {
  test(`records of ${encoding} keep their bytes, also those that are not valid there`, async t => {
    const of = (words: string): Buffer => fromUtf8(Buffer.from(words), encoding)
    const mark = encoding === 'windows-1252' ? '' : '\ufeff'
    const stray = encoding === 'utf-16le' ? [0x00, 0xd8] : encoding === 'utf-16be' ? [0xd8, 0x00] : [0x81]
    const broken = Buffer.concat([of('4,'), Buffer.from(stray), of('\r\n')])
    const head = of(`${mark}id,text\r\n`)
    const content = Buffer.concat([head, of('1,é\r\n'), broken, of('x,é€\r\n')])
    const { replay } = await replayOf(t, content, { ...typed, encoding })
    assert.deepEqual(replay, Buffer.concat([head, broken, of('x,é€\r\n')]))
  })
}

const longRecord = `x,${'ä€'.repeat(rejectedRawBytesMax)}`
const longText = (): Buffer => {
  const rows = Array.from({ length: 3000 }, (_, at) => `${at},${'sound '.repeat(at % 9)}`)
  return Buffer.from(['id,text', ...rows, longRecord, ...rows, `y,${longRecord}`, 'z,short', ''].join('\n'))
}

test('records of a stream are found again where they are too long to be kept', async t => {
  const { replay, given } = await replayOf(t, gzipSync(longText()), typed)
  assert.equal(given.run.layout.space, 'whole')
  assert.ok(replay.equals(Buffer.from(`id,text\ny,${longRecord}\n${longRecord}\nz,short\n`)))
})

test('records of a stream that was split first are found again in the stream itself', async () => {
  const content = gzipSync(longText())
  const { objects, run } = await plannedAndTaken({ content, source: typed, rejectedRecords })
  const split = { ...run, layout: { ...run.layout, space: 'pieces' as const } }
  const source = await RejectSource.open(objects, split, new Set())
  const byteOffset = longText().indexOf(`y,${longRecord}`)
  const found = await source.record({ key: run.source.key, byteOffset })
  assert.ok(found.equals(Buffer.from(`y,${longRecord}`)))
})

test('records of a source in blocks are found again from the block they begin in', async t => {
  const content = Buffer.concat([membersOf(longText(), [60_000], bgzfBlock), bgzfEnd])
  const planned = await plannedAndTaken({ content, source: typed, rejectedRecords })
  const given = await inBlocks(planned, Math.ceil(content.length / 3))
  const { contents, lost } = await gathered(t, given)
  assert.equal(lost, 0)
  const records = (contents[0] ?? '').toString().trimEnd().split('\n')
  const wanted = ['id,text', longRecord, `y,${longRecord}`, 'z,short']
  assert.deepEqual(new Set(records.map(sha256)), new Set(wanted.map(sha256)))
  assert.equal(records.length, wanted.length)
})

/** As a larger one would be planned. */
async function inBlocks(given: Given, partitionBytes: number): Promise<Given> {
  const partitions = Math.ceil(given.content.length / partitionBytes)
  const layout = { ...given.run.layout, space: 'blocks' as const }
  const cuts = { dataStart: 0, dataEnd: given.content.length, partitionBytes, partitions }
  const run = { ...given.run, layout, ...cuts }
  const pages = [...firstRound(run)]
  const put = (key: string, document: unknown) =>
    given.objects.write({ bucket: buckets.state, key }, Buffer.from(JSON.stringify(document)))
  await put(stateKeys.run(runId), run)
  for (const page of pages) await put(stateKeys.assignments(runId, 1, page.page), page)
  return { ...given, run, assignments: pages.flatMap(({ assignments }) => assignments) }
}

test('long records of a source in partitions are found again, and NDJSON has no header', async t => {
  const long = JSON.stringify({ id: 'no number', text: 'a'.repeat(rejectedRawBytesMax) })
  const rows = Array.from({ length: 50 }, (_, id) => (id % 10 === 3 ? long : `{"id":${id},"text":"a"}`))
  const source = { format: 'ndjson', columns: { id: 'INTEGER', text: 'VARCHAR' } }
  const { replay, given } = await replayOf(t, Buffer.from(`${rows.join('\n')}\n`), source, 100_000)
  assert.ok(given.assignments.length > 2)
  assert.ok(replay.equals(Buffer.from(`${long}\n`.repeat(5))))
})

test('records of a JSON document become a document, with the array where it was', async t => {
  const document = { data: { items: [{ id: 1 }, { id: 'x', text: 'a\nb' }, { id: 2 }, { id: 'y' }] } }
  const source = { format: 'json', path: 'data.items', columns: { id: 'INTEGER', text: 'VARCHAR' } }
  const { replay } = await replayOf(t, Buffer.from(JSON.stringify(document, null, 1)), source)
  assert.deepEqual(JSON.parse(replay.toString()), {
    data: { items: [document.data.items[1], document.data.items[3]] },
  })
})

test('records of a fixed number of bytes follow one another, but for the one that is short', async t => {
  const fields = [
    { name: 'id', type: 'INTEGER', width: 2 },
    { name: 'text', width: 2 },
  ]
  const source = { format: 'fixed', recordBytes: 4, fields }
  const given = await plannedAndTaken({ content: Buffer.from('01aaxxbb02ccyyddz'), source, rejectedRecords })
  const { contents, lost, lostShown } = await gathered(t, given)
  assert.deepEqual(contents.map(String), ['xxbbyydd'])
  assert.deepEqual([lost, lostShown[0]?.reject.raw], [1, 'z'])
})

test('a quote that never closes cannot stand among others', async t => {
  const given = await plannedAndTaken({
    content: Buffer.from('id,text\nx,a\n1,b\n2,"c'),
    source: typed,
    rejectedRecords,
  })
  const { contents, lost, lostShown } = await gathered(t, given)
  assert.deepEqual(contents.map(String), ['id,text\nx,a\n'])
  assert.equal(lost, 1)
  assert.match(lostShown[0]?.why ?? '', /does not end by itself/)
})

test('where the source is gone, what was kept is replayed behind the header that the run knows', async t => {
  const long = `x,${'a'.repeat(rejectedRawBytesMax)}`
  const given = await plannedAndTaken({
    content: Buffer.from(`id,text\r\n${long}\r\ny,b\r\n`),
    source: typed,
    rejectedRecords,
  })
  await gathered(t, given)
  const { version } = given.run.source
  assert.ok(version)
  const objects: Given['objects'] = {
    ...given.objects,
    read: (ref, options) =>
      ref.bucket === buckets.drops
        ? createMemoryObjects({ versioned: true }).read(ref, options)
        : given.objects.read(ref, options),
  }
  const { contents, lost, lostShown, records } = await gatheredOf(t, given, objects)
  assert.deepEqual(contents.map(String), ['"id","text"\ny,b\n'])
  assert.deepEqual([records, lost, lostShown[0]?.why], [1, 1, 'its version of the source is gone'])
})

test('of many objects, each header and line end of its own becomes a file', async t => {
  const long = `${'a'.repeat(rejectedRawBytesMax)},x`
  const contents: Record<string, Buffer> = {
    'a.csv': Buffer.from('id,text\n1,a\nx,b\n'),
    'b.csv.gz': gzipSync(`text,id\na,1\n${long}\nb,y\n`),
    'c.csv': Buffer.from('id,text\nz,c\n'),
    'd.csv': Buffer.from('id,text\r\nw,c\r\n'),
  }
  const given = await listedRun({ contents, source: { ...typed, header: true }, rejectedRecords })
  const { contents: found, lost } = await gathered(t, given)
  assert.equal(lost, 0)
  const wanted = [`text,id\n${long}\nb,y\n`, 'id,text\nx,b\nz,c\n', 'id,text\r\nw,c\r\n']
  assert.deepEqual(new Set(found.map(sha256)), new Set(wanted.map(sha256)))
})
