/** Records that kill the process that works them: a careful attempt outlives it, and finds them. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { stateKeys } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import { Engine } from '../../worker/bisect/engine.ts'
import { openIsolatedSession } from '../../worker/bisect/isolated-session.ts'
import type { Session } from '../../worker/duckdb/session.ts'
import { openScratch } from '../../worker/scratch.ts'
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

const endless = 'SELECT count(*) FROM range(100000000000) a(i) WHERE i % 7 = 1'

/** Of the process that this one started last. */
function childPid(): number {
  const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ')
  return Number(pids.at(-1))
}

const ofNdjson = {
  source: { format: 'ndjson' },
  columns: [
    { name: 'id', type: 'BIGINT' },
    { name: 'doc', type: 'VARCHAR' },
  ],
}

const oneRow = { ...ofNdjson, text: ndjson(1, []) }
const sumSql = 'SELECT count(*), sum(id) FROM output'

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
    assert.deepEqual(await rowsOf(given, sumSql), [['19', String(190 - 13)]])
    assert.deepEqual(left, [])
  })

  it('tells those that kill from those that only fail', async () => {
    const sql = deadlySql.replace('id::INTEGER', 'sqrt(5 - id)::INTEGER')
    const given = await carefulRun({ ...ofNdjson, sql, text: ndjson(7, [2]), rejectedRecords: 2 })
    const { partition } = await worked(given)
    const rejects = await rejectsOf(given, partition?.report?.rejectsKey)
    assert.deepEqual(
      rejects.map(({ reason }) => reason.split(':', 1)[0]),
      ['The SQL killed its process', 'Out of Range Error'],
    )
  })

  it('cannot publish what is beyond the tolerance', async () => {
    const given = await carefulRun({ ...ofNdjson, text: ndjson(9, [4]) })
    const { exitCode, partition } = await worked(given)
    assert.equal(exitCode, 65)
    assert.match(partition?.failures?.[0]?.reason ?? '', /^1 record rejected .*signal SIGSEGV/)
  })

  it('does not look for a record where the SQL dies without any', async () => {
    const dying = `SELECT id, json_structure(repeat('[', 200000) || repeat(']', 200000))::VARCHAR AS s FROM input`
    const { exitCode, partition, log } = await worked(await carefulRun({ ...oneRow, sql: dying }))
    assert.equal(exitCode, 1)
    assert.match(partition?.failures?.[0]?.reason ?? '', /^The SQL killed its process: signal SIGSEGV/)
    assert.ok(!log.some(({ message }) => message === 'bisected'))
  })

  it('gives of sound records what any attempt gives', async () => {
    const options: GivenOptions = {
      text: 'id,day\n1,2024-01-31\nx,2024-01-31\n3,\n',
      columns: [
        { name: 'id', type: 'INTEGER' },
        { name: 'day', type: 'DATE' },
      ],
      sql: 'SELECT id, day, {a: id, l: [id]} AS nested, MAP {id: day} AS m FROM input',
      output: { format: 'ndjson' },
      rejectedRecords: 1,
    }
    const [careful, any] = [await carefulRun(options), await givenRun(options)]
    const reports = [await worked(careful), await worked(any)].map(({ partition }) => partition?.report)
    assert.ok(reports[0]?.outputs[0]?.sha256)
    const [one, other] = reports.map(report => ({ ...report, durationMs: 0 }))
    assert.deepEqual(one, other)
  })
})

describe('the process that runs the SQL', () => {
  const dying = (script: string) => {
    const file = join(folder, `${scripts++}.mjs`)
    writeFileSync(file, `process.on('message', () => { ${script} })`)
    return new Engine(file).ask({ ask: 'run', sql: 'SELECT 1' })
  }
  let scripts = 0
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-engine-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  it('leaves its last words, the newest 2 KiB of them', async () => {
    const script = "process.stderr.write('x'.repeat(5000) + 'out of luck', () => process.exit(3))"
    const error: unknown = await dying(script).catch((caught: unknown) => caught)
    assert.ok(isError(error, 'WORK_DIED'))
    assert.match(error.message, /^The SQL killed its process: exit code 3: x{2037}out of luck$/)
  })

  it('is ended where DuckDB is no more than a wreck, which is told as its death', async () => {
    const failed = { code: 'WORK_FAILED', message: 'INTERNAL Error: Attempted to access index 3' }
    await assert.rejects(dying(`process.send(${JSON.stringify({ failed })})`), {
      code: 'WORK_DIED',
      message: 'The SQL killed its process: INTERNAL Error: Attempted to access index 3',
    })
  })
})

describe('a session in a process of its own', () => {
  async function withSession(work: (session: Session, pidOf: () => number) => Promise<void>) {
    const scratch = await openScratch()
    const stop = new AbortController()
    const session = openIsolatedSession({ scratch, memoryMiB: 512, vcpus: 1, signal: stop.signal })
    try {
      await work(session, childPid)
    } finally {
      session.close()
      await scratch.remove()
    }
  }

  it('has all that it had after its process was killed, and says so to whoever waits', async () => {
    await withSession(async (session, pidOf) => {
      await session.run('CREATE TABLE loaded AS SELECT i FROM range(100000) r(i)')
      const waiting = assert.rejects(session.rows(endless), { code: 'WORK_DIED', message: /signal SIGABRT/ })
      process.kill(pidOf(), 'SIGABRT')
      await waiting
      assert.deepEqual(await session.rows('SELECT count(*), max(rowid) FROM loaded'), [[100_000n, 99_999n]])
    })
  })

  it('is short of memory where the system kills it', async () => {
    await withSession(async (session, pidOf) => {
      await session.run('SELECT 1')
      const waiting = assert.rejects(session.rows(endless), { code: 'OUT_OF_MEMORY' })
      process.kill(pidOf(), 'SIGKILL')
      await waiting
    })
  })

  it('cannot go on once it is asked to stop, and leaves no process', async () => {
    const scratch = await openScratch()
    const stop = new AbortController()
    const session = openIsolatedSession({ scratch, memoryMiB: 512, vcpus: 1, signal: stop.signal })
    await session.run('SELECT 1')
    const pid = childPid()
    const waiting = assert.rejects(session.rows(endless), { code: 'STOPPED' })
    stop.abort()
    await waiting
    await assert.rejects(session.rows('SELECT 1'), { code: 'STOPPED' })
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    session.close()
    await scratch.remove()
  })

  it('tells errors of the SQL with their codes, as any session does', async () => {
    await withSession(async session => {
      await assert.rejects(session.run("SELECT 'x'::INTEGER"), {
        code: 'WORK_FAILED',
        message: /^Conversion Error/,
      })
      await assert.rejects(session.run("SELECT 'x'::INTEGER", 'BAD_INPUT'), { code: 'BAD_INPUT' })
      await assert.rejects(session.statementType('SELECT 1; SELECT 2'), /it has 2 statements/)
      await assert.rejects(session.run("COPY (SELECT 1) TO 'elsewhere.csv'"), /Permission Error/)
    })
  })
})
