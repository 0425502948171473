/** Records that kill the process that works them: a careful attempt outlives it, and finds them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stateKeys } from '../../shared/documents.ts'
import {
  buckets,
  type Given,
  type GivenOptions,
  givenRun,
  rejectsOf,
  rowsOf,
  runId,
  worked,
} from './given.ts'

/** So deep that DuckDB's own stack ends in it: the process gets a SIGSEGV. */
const deadly = '['.repeat(200_000) + ']'.repeat(200_000)
const deadlySql = 'SELECT id::INTEGER AS id, json_structure(doc)::VARCHAR AS shape FROM input'

function ndjson(rows: number, bad: readonly number[]): string {
  const lines = Array.from({ length: rows }, (_, id) =>
    JSON.stringify({ id, doc: bad.includes(id) ? deadly : '[1]' }),
  )
  return `${lines.join('\n')}\n`
}

async function carefulRun(options: GivenOptions): Promise<Given> {
  const given = await givenRun({ sql: deadlySql, ...options })
  const assignments = given.assignments.map(each => ({ ...each, careful: true }))
  const page = Buffer.from(JSON.stringify({ round: 1, page: 0, assignments }))
  await given.objects.write({ bucket: buckets.state, key: stateKeys.assignments(runId, 1, 0) }, page)
  return given
}

const ofNdjson = {
  source: { format: 'ndjson' },
  columns: [
    { name: 'id', type: 'BIGINT' },
    { name: 'doc', type: 'VARCHAR' },
  ],
}

describe('a careful attempt', () => {
  it('outlives a record that kills its process, parks it with the signal, and publishes the rest', async () => {
    const given = await carefulRun({ ...ofNdjson, text: ndjson(20, [13]), rejectedRecords: 1 })
    const { exitCode, partition, log, left } = await worked(given)
    assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
    const rejects = await rejectsOf(given, partition?.report?.rejectsKey)
    assert.deepEqual(
      rejects.map(({ reason, byteOffset }) => [reason, byteOffset]),
      [['The SQL killed its process: signal SIGSEGV', given.content.indexOf('{"id":13,')]],
    )
    assert.deepEqual(await rowsOf(given, 'SELECT count(*), sum(id) FROM output'), [['19', String(190 - 13)]])
    assert.deepEqual(left, [])
  })
})
