/** What is decided before rejected records are dropped anew. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { planReplay } from '../../cli/reject-plan.ts'
import { claimReplay } from '../../cli/reject-replay.ts'
import { isError } from '../../shared/errors.ts'
import { createMemoryRecords } from '../../shared/memory/records.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { fromItem, type RunRecord, recordKeys } from '../../shared/records.ts'
import { runId } from '../worker/given.ts'
import { plannedAndTaken } from '../worker/planned.ts'

const columns = { id: 'INTEGER', text: 'VARCHAR' }
const sound = 'id,text\n1,a\n2,b\n'

/** A replay of `text`, of a run over `of` with the first source, by a pipeline with the second. */
async function planned(
  t: TestContext,
  text: string,
  now: Record<string, unknown>,
  { of = sound, was = {} }: { of?: string; was?: Record<string, unknown> } = {},
) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-replay-test-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const file = path.join(dir, 'replay')
  writeFileSync(file, text)
  const { run } = await plannedAndTaken({
    content: Buffer.from(of),
    source: { format: 'csv', columns, ...was },
  })
  const pipeline = parsePipeline(
    {
      name: 'given',
      source: { prefix: 'in/', format: 'csv', columns, ...now },
      work: { sql: 'SELECT * FROM input' },
      output: { prefix: 'out/' },
    },
    'given',
  )
  return planReplay(pipeline, run, [{ file, records: 1, bytes: text.length }])
}

const refused = (error: unknown): boolean => isError(error, 'NOT_ALLOWED')

test('a file of rejected records that is read as its source was is dropped as it is', async t => {
  const { files, warnings } = await planned(t, 'id,text\nx,a\n', {})
  assert.deepEqual(warnings, [])
  assert.equal(readFileSync(files[0] ?? '', 'utf8'), 'id,text\nx,a\n')
})

test('it is compressed where the pipeline takes nothing else', async t => {
  const gzip = await planned(t, 'id,text\nx,a\n', { compression: 'gzip' })
  assert.equal(gunzipSync(readFileSync(gzip.files[0] ?? '')).toString(), 'id,text\nx,a\n')
  const zstd = await planned(t, 'id,text\nx,a\n', { compression: 'zstd' })
  assert.equal(zstdDecompressSync(readFileSync(zstd.files[0] ?? '')).toString(), 'id,text\nx,a\n')
})

test('it cannot be dropped where the pipeline would refuse it, or take its header for a record', async t => {
  await assert.rejects(planned(t, 'id,text\nx,a\n', { columns: { ...columns, more: 'DATE' } }), refused)
  await assert.rejects(planned(t, 'id,text\nx,a\n', { header: false }), refused)
  await assert.rejects(
    planned(t, 'x,a\n', { header: true }, { of: '1,a\n2,b\n', was: { header: false } }),
    refused,
  )
})

test('another dialect than the run had is said, for it may be the fix', async t => {
  const { warnings } = await planned(t, 'id,text\n3,"a\n', { quote: '' })
  assert.match(
    warnings.join('\n'),
    /^source\.csv would be read as .*"quote":"".*the run's was .*"quote":"\\""/,
  )
})

test('of two people who replay at the same time one does, and the next replay has the next number', async () => {
  const records = createMemoryRecords()
  const read = async (): Promise<RunRecord> =>
    fromItem<RunRecord>((await records.get(recordKeys.run(runId))) ?? { pk: '', sk: '' })
  await records.put({ ...recordKeys.run(runId), runId })
  const [one, other] = [await read(), await read()]
  assert.equal(await claimReplay({ records }, one), 1)
  await assert.rejects(claimReplay({ records }, other), refused)
  assert.equal(await claimReplay({ records }, await read()), 2)
})
