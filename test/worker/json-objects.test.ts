/** Many JSON documents as one source: each is taken whole, and its records stand at their own places in it. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { csvFields } from '../../shared/csv-fields.ts'
import type { RunDocument } from '../../shared/documents.ts'
import { createMemoryObjects } from '../../shared/memory/objects.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { objectKeys, packed, placedObjects, planOfList, type RunObject } from '../../shared/plan/objects.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { planRun } from '../../shared/plan.ts'
import { formatOf } from '../../worker/read/format.ts'
import { ownDialect } from '../../worker/read/own-dialect.ts'
import { readPartition } from '../../worker/read/partition.ts'
import { Rejects } from '../../worker/read/rejects.ts'
import { Spool } from '../../worker/read/spool.ts'

const input = {
  name: 'a',
  source: { prefix: 'in/', format: 'json', path: 'items' },
  work: { sql: 'SELECT 1' },
  output: { prefix: 'o/' },
}

async function planned(contents: Record<string, string | Buffer>, partitionBytes: number) {
  const objects = createMemoryObjects()
  const listed: RunObject[] = []
  for (const [key, content] of Object.entries(contents)) {
    const { bytes, etag } = await objects.write({ bucket: 'drops', key }, Buffer.from(content))
    listed.push({ key, bytes, etag })
  }
  const [first = { key: '', bytes: 0, etag: '' }] = listed
  const head = Buffer.from(Object.values(contents)[0] ?? '')
  const look = { source: { bucket: 'drops', ...first }, head, read: () => assert.fail('one look is enough') }
  const one = await planRun('r', parsePipeline(input, 'a'), look, partitionBytes)
  if (isRefusal(one)) return assert.fail(one.words)
  const put = (key: string, document: unknown) =>
    objects.write({ bucket: 'state', key }, Buffer.from(JSON.stringify(document)))
  const bytes = listed.reduce((sum, object) => sum + object.bytes, 0)
  await put(objectKeys.page('r', 'l', 0), { objects: listed })
  await put(objectKeys.index('r', 'l'), { pages: [{ page: 0, objects: listed.length, bytes }] })
  const list = { bucket: 'state', listing: 'l', objects: listed.length, bytes, pages: 1 }
  const run = planOfList(one, look.source, list, { partitionBytes, partitions: 0 })
  const pages = (async function* () {
    yield placedObjects({ objects: listed }, 0, 0)
  })()
  return { objects, run, assignments: await Array.fromAsync(packed(run, pages)) }
}

async function readAll({ objects, run, assignments }: Awaited<ReturnType<typeof planned>>) {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-json-objects-'))
  const format = formatOf(run as RunDocument)
  const records: unknown[] = []
  let at = 0
  try {
    for (const assignment of assignments) {
      const spool = new Spool(join(dir, `spool-${assignment.partition}`), format.dialect)
      const rejects = new Rejects(join(dir, 'rejects'), 0, run)
      const { range } = await readPartition({ objects, run, assignment, format }, spool, rejects)
      assert.deepEqual([range?.start, rejects.count], [at, 0])
      at = range?.end ?? at
      spool.close()
      const lines = (await readFile(spool.file, 'utf8')).split('\n').filter(line => line !== '')
      records.push(...lines.map(line => JSON.parse(csvFields(Buffer.from(line), ownDialect)[0] ?? '')))
    }
  } finally {
    await rm(dir, { recursive: true })
  }
  assert.equal(at, run.dataEnd)
  return records
}

test('JSON documents of a list, compressed or not, give the records of each, whatever the partitions', async () => {
  const contents = {
    'a.json': '{"items": [{"id": 1},\n{"id": 2}]}',
    'b.json.gz': gzipSync('{"count": 1, "items": [{"id": 3}]}\n'),
    'c.json': '{"items": []}',
    'd.json': '\ufeff{"items": [{"id":\n4}], "next": null}',
  }
  for (const partitionBytes of [1, 40, 1000]) {
    const given = await planned(contents, partitionBytes)
    assert.deepEqual(await readAll(given), [{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }])
  }
})

test('a broken JSON document of a list is named', async () => {
  const given = await planned({ 'a.json': '{"items": []}', 'b.json': '{"items": [{"id": 1}' }, 1000)
  await assert.rejects(readAll(given), { refusal: 'JSON_BROKEN', message: /^b\.json: byte 20/ })
})
