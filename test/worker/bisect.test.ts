/** Records that break the user's SQL: found, parked, and the rest published. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { type Given, type GivenOptions, givenRun, rejectsOf, rowsOf, worked } from './given.ts'

/** Rows of CSV, with what no INTEGER is at these places. */
function csv(rows: number, bad: readonly number[], word = 'x'): string {
  const isBad = new Set(bad)
  return `id,name\n${Array.from({ length: rows }, (_, at) => `${isBad.has(at) ? `${word}${at}` : at},name ${at}\n`).join('')}`
}

const casting = 'SELECT id::INTEGER AS id, name FROM input'

async function work(options: GivenOptions, over: Parameters<typeof worked>[1] = {}) {
  const given = await givenRun({ sql: casting, ...options })
  const { log, partition, ...rest } = await worked(given, over)
  const bisected = log.find(({ message }) => message === 'bisected')
  const rejects = await rejectsOf(given, partition?.report?.rejectsKey)
  return { given, log, partition, bisected, rejects, ...rest }
}

/** Where the rows that are no INTEGER begin. */
const offsetsOf = ({ content }: Given, words: readonly string[]) =>
  words.map(word => content.indexOf(`\n${word},`) + 1)

const sumOf = async (given: Given) => rowsOf(given, 'SELECT count(*), sum(id) FROM output')

describe('a record that breaks the SQL', () => {
  for (const [where, at] of Object.entries({ first: 0, middle: 61_234, last: 99_999 })) {
    it(`is found as the ${where} of 100,000, and the rest is published`, async () => {
      const run = await work({ text: csv(100_000, [at]), rejectedRecords: 1 })
      assert.equal(run.exitCode, 0, JSON.stringify(run.log.at(-1)))
      const { recordsRead, recordsRejected, recordsWritten, rejectedByWork } = run.partition?.report ?? {}
      assert.deepEqual(
        [recordsRead, recordsRejected, rejectedByWork, recordsWritten],
        [100_000, 1, 1, 99_999],
      )
      assert.deepEqual(run.rejects, [
        {
          partition: 0,
          key: run.given.ref.key,
          version: run.given.run.source.version,
          byteOffset: offsetsOf(run.given, [`x${at}`])[0],
          line: at + 1,
          reason: `Conversion Error: Could not convert string 'x${at}' to INT32 when casting from source column id`,
          raw: `x${at},name ${at}`,
        },
      ])
      assert.deepEqual(await sumOf(run.given), [['99999', String((99_999 * 100_000) / 2 - at)]])
      const trials = Number(run.bisected?.trials)
      assert.ok(trials > 0 && trials <= 40, `${trials} trials`)
    })
  }
})
