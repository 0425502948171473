/** Records that break the user's SQL: found, parked, and the rest published. */
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

const reasonsOf = (rejects: readonly { reason: string; byteOffset: number; column?: string }[]) =>
  rejects.map(({ byteOffset, column, reason }) => [byteOffset, column ?? reason.split(' ', 2).join(' ')])

describe('several records that break the SQL', () => {
  it('are all found, beside those that fit no column, and only what is sound is published', async () => {
    const text = csv(10_000, [17, 18, 9000]).replace('\n500,', '\nfive,').replace('\n900,', '\n-900,')
    const given: GivenOptions = {
      text,
      sql: 'SELECT id, sqrt(id) AS root FROM input',
      columns: [
        { name: 'id', type: 'INTEGER' },
        { name: 'name', type: 'VARCHAR' },
      ],
      rejectedRecords: 5,
    }
    const run = await work(given)
    assert.equal(run.exitCode, 0, JSON.stringify(run.log.at(-1)))
    assert.deepEqual(reasonsOf(run.rejects), [
      ...offsetsOf(run.given, ['x17', 'x18', 'five', 'x9000']).map(at => [at, 'id']),
      [offsetsOf(run.given, ['-900'])[0], 'Out of'],
    ])
    const { recordsRead, recordsRejected, rejectedByWork, recordsWritten } = run.partition?.report ?? {}
    assert.deepEqual([recordsRead, recordsRejected, rejectedByWork, recordsWritten], [10_000, 5, 1, 9995])
  })

  it('are found two in 100,000, each with its own words', async () => {
    const run = await work({ text: csv(100_000, [31, 99_998]), rejectedRecords: 2 })
    assert.deepEqual(
      run.rejects.map(({ reason }) => /'(.*)'/.exec(reason)?.[1]),
      ['x31', 'x99998'],
    )
    assert.equal(run.partition?.report?.recordsWritten, 99_998)
  })

  it('that are all there are leave nothing to publish, where so many are tolerated', async () => {
    const every = Array.from({ length: 100 }, (_, at) => at)
    const run = await work({ text: csv(100, every), rejectedRecords: 100 })
    const { recordsRead, recordsRejected, recordsWritten, outputs } = run.partition?.report ?? {}
    assert.deepEqual([recordsRead, recordsRejected, recordsWritten, outputs], [100, 100, 0, []])
    assert.deepEqual(
      run.rejects.map(({ raw }) => raw),
      every.map(at => `x${at},name ${at}`),
    )
  })

  it('cannot be more than are tolerated: the partition is bad input, with the first one named and all found kept', async () => {
    for (const rejectedRecords of [0, 3]) {
      const bad = Array.from({ length: 3000 }, (_, at) => 3 * at + 2)
      const run = await work({ text: csv(10_000, bad), rejectedRecords })
      const [failure] = run.partition?.failures ?? []
      assert.deepEqual([run.exitCode, failure?.code], [65, 'BAD_INPUT'])
      const [offset] = offsetsOf(run.given, ['x2'])
      assert.match(
        failure?.reason ?? '',
        new RegExp(
          `^${rejectedRecords + 1} records? rejected \\(there may be more\\), ${rejectedRecords} tolerated. The first, at byte ${offset}, line 3 of its partition: Conversion Error: .*'x2'.* All are kept in .*TRY_CAST`,
        ),
      )
      const kept = await rejectsOf(run.given, stateKeys.rejects(runId, 0, 1))
      assert.deepEqual(
        kept.map(({ raw }) => raw.split(',')[0]),
        bad.slice(0, rejectedRecords + 1).map(at => `x${at}`),
      )
      assert.ok(Number(run.bisected?.trials) <= 40, `${run.bisected?.trials} trials`)
      assert.deepEqual((await run.given.objects.list(buckets.output, '')).objects, [])
    }
  })

  it('are told from the others where the SQL tries them in its conditions too', async () => {
    const text = csv(5000, [3, 700, 4999])
    const sql = 'SELECT id, name FROM input WHERE id::INTEGER >= 0 AND length(name) > 0'
    const run = await work({ text, sql, rejectedRecords: 3 })
    assert.equal(run.exitCode, 0, JSON.stringify(run.log.at(-1)))
    assert.deepEqual(
      run.rejects.map(({ raw }) => raw),
      ['x3,name 3', 'x700,name 700', 'x4999,name 4999'],
    )
    assert.equal(run.partition?.report?.recordsWritten, 4997)
  })

  it('are left out of every folder and format', async () => {
    for (const format of ['ndjson', 'csv', 'parquet']) {
      const run = await work({
        text: csv(1000, [3, 700]),
        sql: 'SELECT id::INTEGER AS id, id[-1:] AS last FROM input',
        rejectedRecords: 2,
        partitionBy: ['last'],
        output: { format },
      })
      assert.equal(run.exitCode, 0, JSON.stringify(run.log.at(-1)))
      assert.equal(run.partition?.report?.outputs.length, 10)
      assert.equal(run.partition?.report?.recordsWritten, 998)
    }
  })
})

describe('what is no record alone', () => {
  const overflow = 'SELECT sum(id::BIGINT * 1e18::BIGINT)::BIGINT AS total FROM input'

  it('cannot be parked: records that fail only together fail the partition for good', async () => {
    const run = await work({ text: csv(1000, []), sql: overflow, rejectedRecords: 10 })
    const [failure] = run.partition?.failures ?? []
    assert.deepEqual([run.exitCode, failure?.code, failure?.final], [1, 'APPLICATION', true])
    assert.match(
      failure?.reason ?? '',
      /records together, though on none of them alone: (Conversion|Out of Range) Error/,
    )
    assert.deepEqual(run.left, [])
  })

  it('cannot be left out unfound: where the search must end early, nothing is published', async () => {
    const given = await givenRun({ text: csv(100_000, [99_999]), sql: casting, rejectedRecords: 10 })
    given.run.pipeline.job.timeoutMinutes = 1
    const ref = { bucket: buckets.state, key: stateKeys.run(runId) }
    await given.objects.write(ref, Buffer.from(JSON.stringify(given.run)))
    // At each look at the clock, a second is over; and of the minute, a quarter is for the search.
    const { partition, log } = await worked(given)
    const [failure] = partition?.failures ?? []
    assert.deepEqual([failure?.code, failure?.final], ['APPLICATION', true])
    assert.match(
      failure?.reason ?? '',
      /^The SQL fails on a record that was not found in time: Conversion Error/,
    )
    assert.equal(log.find(({ message }) => message === 'bisected')?.ended, 'givenUp')
  })

  it('is not looked for where the SQL itself is wrong', async () => {
    const wrong: [sql: string, words: RegExp][] = [
      ['SELECT nothing FROM input', /^The SQL does not run: Binder Error/],
      ['SELEC 1', /^The SQL does not run: .*Parser Error/],
      ["SELECT count(*), 'x'::INTEGER AS i FROM input", /^Conversion Error/],
    ]
    for (const [sql, words] of wrong) {
      const run = await work({ text: csv(1000, []), sql, rejectedRecords: 10 })
      const [failure] = run.partition?.failures ?? []
      assert.deepEqual([run.bisected, failure?.code, failure?.final], [undefined, 'APPLICATION', true])
      assert.match(failure?.reason ?? '', words)
    }
  })

  it('is not looked for where memory is short', async () => {
    const sql = "SELECT list(repeat('x', 1000000) || id) AS l FROM input"
    const run = await work({ text: csv(2000, []), sql, rejectedRecords: 10 }, { memoryMiB: 512 })
    const [failure] = run.partition?.failures ?? []
    assert.deepEqual([run.bisected, failure?.code, failure?.final], [undefined, 'OUT_OF_MEMORY', undefined])
  })
})

describe('behind a guessed start', () => {
  it('what fails only together is no fault of the SQL before the start is proven', async () => {
    const text = `id,name\n${`1,"\n${'9000000000000000000,y\n'.repeat(9)}9,"\n`.repeat(60)}`
    const sql = 'SELECT sum(id::BIGINT)::BIGINT AS total FROM input'
    const run = await work({ text, sql, partitionBytes: 2500 }, { index: 1 })
    assert.equal(run.exitCode, 0, JSON.stringify(run.log.at(-1)))
    assert.deepEqual([run.bisected?.ended, run.bisected?.found], ['together', 0])
    assert.ok(run.log.some(({ message }) => message === 'start proven'))
  })

  it('what breaks the SQL is called bad only once the start is proven', async () => {
    // Read from within a quoted field, the lines in it are sound records too, and none of them is a number.
    const text = `id,name\n${`1,"\n${'x,y\n'.repeat(9)}x,"\n`.repeat(60)}`
    let proven = 0
    for (const partitionBytes of [1200, 1210, 1220, 1230, 1240, 1250]) {
      const run = await work({ text, partitionBytes }, { index: 1 })
      assert.equal(run.exitCode, 0, `${partitionBytes}: ${JSON.stringify(run.log.at(-1))}`)
      assert.equal(run.partition?.report?.recordsRejected, 0)
      if (run.log.some(({ message }) => message === 'start proven')) proven++
    }
    assert.ok(proven > 0)
  })

  it('a bad record is found all the same', async () => {
    const text = csv(3000, [2500])
    const run = await work({ text, partitionBytes: 20_000, rejectedRecords: 1 }, { index: 1 })
    const found = run.rejects.map(({ raw, byteOffset }) => [raw, byteOffset])
    assert.deepEqual(found, [['x2500,name 2500', offsetsOf(run.given, ['x2500'])[0]]])
  })
})
