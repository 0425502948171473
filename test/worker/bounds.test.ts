/** What a worker refuses to publish, or to take, and where its bounds are. */
import assert from 'node:assert/strict'
import { appendFileSync, readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { rejectsPerPartitionMax, stateKeys } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import { createMemoryObjects } from '../../shared/memory/objects.ts'
import type { Objects } from '../../shared/ports.ts'
import { PartitionState } from '../../shared/vocabulary.ts'
import { memoryLimitMiB } from '../../worker/duckdb/session.ts'
import { formatOf } from '../../worker/read/format.ts'
import { stretchesOf } from '../../worker/read/stretch.ts'
import { readUnits } from '../../worker/read/units.ts'
import { buckets, givenRun, rejectsOf, runId, worked } from './given.ts'

const text = 'a,b\n1,2\n3,4\n5,6\n'

/** Between the reader's last byte and DuckDB's first. */
function tampering(change: (spool: string) => void) {
  return (message: unknown, scratch: string): void => {
    if (message !== 'read') return
    const [attempt = ''] = readdirSync(scratch)
    change(join(scratch, attempt, 'spool.csv'))
  }
}

describe('Records that DuckDB does not see as our reader cut them', () => {
  const changes: [string, (spool: string) => void, RegExp][] = [
    ['one more', spool => appendFileSync(spool, '7,8\n'), /saw 4 records where our reader cut 3/],
    [
      'one less',
      spool => truncateSync(spool, statSync(spool).size - '5,6\n'.length),
      /saw 2 records where our reader cut 3/,
    ],
    ['none', spool => truncateSync(spool, 0), /saw 0 records where our reader cut 3/],
  ]
  for (const [what, change, reason] of changes) {
    it(`cannot be published: ${what}`, async () => {
      const given = await givenRun({ text })
      const { exitCode, partition, left } = await worked(given, { onLine: tampering(change) })
      const [failure] = partition?.failures ?? []
      assert.deepEqual([exitCode, partition?.state, failure?.code], [1, PartitionState.FAILED, 'APPLICATION'])
      assert.match(failure?.reason ?? '', reason)
      assert.deepEqual([partition?.report, left], [undefined, []])
      assert.deepEqual((await given.objects.list(buckets.output, '')).objects, [])
    })
  }

  it('can be published where they are the same', async () => {
    const given = await givenRun({ text })
    const { exitCode } = await worked(given, { onLine: tampering(() => {}) })
    assert.equal(exitCode, 0)
  })
})

describe('A partition', () => {
  const broken = { text: `a,b\n${'x\n'.repeat(rejectsPerPartitionMax)}`, rejectedRecords: 1e9 }
  const misfits = {
    text: `a\n${'x\n'.repeat(rejectsPerPartitionMax)}`,
    columns: [{ name: 'a', type: 'INTEGER' }],
    rejectedRecords: 1e9,
  }
  for (const [what, options, more] of [
    ['records that our reader finds broken', broken, 'x\n'],
    ['values that do not fit', misfits, 'x\n'],
  ] as const) {
    it(`can have ${rejectsPerPartitionMax} ${what}, and all of them are kept`, async () => {
      const given = await givenRun(options)
      const { exitCode, partition } = await worked(given)
      assert.deepEqual([exitCode, partition?.report?.recordsRejected], [0, rejectsPerPartitionMax])
      assert.equal((await rejectsOf(given, partition?.report?.rejectsKey)).length, rejectsPerPartitionMax)
    })

    it(`cannot have one more of ${what}, whatever the run tolerates`, async () => {
      const given = await givenRun({ ...options, text: `${options.text}${more}` })
      const { exitCode, partition } = await worked(given)
      const [failure] = partition?.failures ?? []
      assert.deepEqual([exitCode, partition?.state, failure?.code], [65, PartitionState.FAILED, 'BAD_INPUT'])
      assert.match(failure?.reason ?? '', new RegExp(`^more than ${rejectsPerPartitionMax} records rejected`))
      const kept = await rejectsOf(given, stateKeys.rejects(runId, 0, 1))
      assert.equal(kept.length, rejectsPerPartitionMax)
      assert.deepEqual((await given.objects.list(buckets.output, '')).objects, [])
    })
  }
})

const tooLong = (offset: number) => (error: unknown) =>
  isError(error, 'BAD_INPUT') && error.message.startsWith(`The record at byte ${offset} is over 100 bytes`)

describe('A record', () => {
  const chunkBytes = 10

  /** How many records there are, or where the one is that is too long. */
  async function cut(content: string, over: { format?: 'csv' | 'lines'; bytesMax: number }): Promise<number> {
    const { run, assignments } = await givenRun({ text: content, source: { format: over.format ?? 'csv' } })
    const [assignment] = assignments
    assert.ok(assignment)
    const format = formatOf(run)
    let units = 0
    const [stretch] = await Array.fromAsync(
      stretchesOf({ objects: inChunks(Buffer.from(content)), run, assignment }),
    )
    assert.ok(stretch)
    const request = {
      stretch,
      encoding: 'utf-8' as const,
      scanner: (sample?: Buffer) => format.scanner(sample),
      guesses: format.guesses,
      recordBytesMax: over.bytesMax,
    }
    await readUnits(request, () => {
      units++
      return true
    })
    return units
  }

  function inChunks(content: Buffer): Objects {
    const read: Objects['read'] = async (_, { range = { start: 0, end: content.length } } = {}) => {
      const wanted = content.subarray(range.start, range.end)
      const count = Math.ceil(wanted.length / chunkBytes)
      const chunks = Array.from({ length: count }, (_unused, at) =>
        wanted.subarray(at * chunkBytes, (at + 1) * chunkBytes),
      )
      return Readable.from(chunks)
    }
    return { ...createMemoryObjects({ versioned: false }), read }
  }

  it('can be as long as the bound, quoted newlines and all', async () => {
    const long = `"${'x\n'.repeat(49)}"`
    assert.equal(long.length, 100)
    assert.equal(await cut(`a\n${long}\n1\n`, { bytesMax: 101 }), 2)
  })

  it('cannot be longer than the bound by a chunk, and is named by its place', async () => {
    const long = 'x'.repeat(100 + 2 * chunkBytes)
    await assert.rejects(cut(`a\n1\n2\n${long}\n`, { bytesMax: 100 }), tooLong(6))
    await assert.rejects(cut(`a\n1\n"${long}`, { bytesMax: 100 }), tooLong(4))
    await assert.rejects(cut(`1\n${long}\n`, { format: 'lines', bytesMax: 100 }), tooLong(2))
  })
})

describe('DuckDB', () => {
  it('is given 60 % of the memory, and never what the rest of the process needs', () => {
    assert.deepEqual([512, 1024, 2048].map(memoryLimitMiB), [224, 614, 1228])
    assert.equal(memoryLimitMiB(256), 64)
  })
})
