/** Real partitions, worked by exactly the files that worker/Dockerfile copies: nobody's root, nothing to write to. */
import assert from 'node:assert/strict'
import { lstatSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { JobRequest } from '../../../shared/ports.ts'
import { PartitionState } from '../../../shared/vocabulary.ts'
import { type House, openHouse } from './house.ts'
import { contained, type Ended, type Image, mayMount, openImage, ordinary, type Vessel } from './vessel.ts'

let image: Image
let house: House
let laidOut: string[]

before(async () => {
  image = openImage()
  house = await openHouse()
})
after(async () => {
  await house?.close()
  image?.remove()
})

/** Every file below the image's root but those of the base and the devices, as it is. */
function standing(): string[] {
  return ['opt', 'scratch'].flatMap(top =>
    readdirSync(path.join(image.dir, top), { recursive: true, encoding: 'utf8' })
      .toSorted()
      .map(name => {
        const { size, mtimeMs, mode } = lstatSync(path.join(image.dir, top, name))
        return `${top}/${name} ${size} ${mtimeMs} ${mode}`
      }),
  )
}

const sums = {
  source: {
    prefix: 'sums/',
    format: 'csv',
    columns: { id: 'INTEGER', root: 'INTEGER', moment: 'TIMESTAMPTZ' },
  },
  // Extensions (ICU's time zones, JSON), the spill folder's own, and a record that breaks it.
  work: {
    sql: `SELECT id, sqrt(root) AS root, (moment AT TIME ZONE 'Europe/Berlin')::VARCHAR AS berlin,
      json_extract('{"a": 1}', '$.a')::INTEGER AS a FROM input ORDER BY id`,
  },
  split: { partitionBytes: 1500 },
  tolerate: { rejectedRecords: 1 },
}
const rows = Array.from({ length: 100 }, (_, id) => `${id},${id === 7 ? -1 : id},2026-01-31T23:30:00Z\n`)

/** DuckDB's own stack ends in it. */
const deadly = '['.repeat(200_000) + ']'.repeat(200_000)
const killing = {
  source: { prefix: 'killing/', format: 'ndjson', columns: { id: 'INTEGER', doc: 'VARCHAR' } },
  work: { sql: 'SELECT id, json_structure(doc)::VARCHAR AS shape FROM input' },
  tolerate: { rejectedRecords: 1 },
}

/** Fails, leaves what it has, and finds it in the next attempt. */
const program = `
const { existsSync, readFileSync, writeFileSync } = require('node:fs')
const kept = process.env.MILLRACE_CHECKPOINT_DIR + '/kept'
if (!existsSync(kept)) { writeFileSync(kept, readFileSync(0)); process.exit(1) }
process.stdout.write(readFileSync(kept))`
const counting = {
  source: { prefix: 'counting/', format: 'ndjson', columns: { id: 'INTEGER' } },
  work: { command: ['node', '-e', program], columns: { id: 'INTEGER' } },
}

/** @param mark so that no two drops have one key */
function trial(vessel: () => Vessel, mark: string): void {
  const dropped = (name: string, pipeline: object, content: string): Promise<JobRequest> =>
    house.drop(
      { name, output: { prefix: `${name}/`, format: 'ndjson' }, job: { memoryMiB: 512 }, ...pipeline },
      `${name}/${mark}`,
      content,
    )

  async function worked(job: JobRequest, index: number, more = {}): Promise<Ended> {
    const ended = await vessel().run(image.command, { ...house.variables(job, index), ...more })
    assert.equal(ended.stderr, '', ended.stdout)
    return ended
  }

  async function succeeded(job: JobRequest, index: number, more = {}): Promise<Record<string, unknown>> {
    const { exitCode, stdout } = await worked(job, index, more)
    assert.equal(exitCode, 0, stdout)
    const { state, report } = (await house.partition(job, index)) ?? {}
    assert.equal(state, PartitionState.SUCCEEDED)
    return { ...report }
  }

  const published = async (job: JobRequest, name: string): Promise<unknown[]> =>
    [...(await house.contents('output', `${name}/run=${job.environment.MILLRACE_RUN_ID}/`)).values()]
      .flatMap(content => content.toString().trimEnd().split('\n'))
      .map(line => JSON.parse(line) as unknown)

  it('cannot write anywhere but to its scratch folder', async () => {
    const tries = `const fs = require('node:fs')
      const said = {}
      for (const at of ['/', '/opt', '/opt/millrace', '/opt/millrace/node_modules', '/scratch']) {
        try { fs.writeFileSync(at + '/tried', ''); fs.rmSync(at + '/tried'); said[at] = 'written' } catch (error) { said[at] = 'refused' }
      }
      console.log(Object.values(said).join(), process.getuid() === 0)`
    const { stdout } = await vessel().run([image.command[0] ?? '', '-e', tries])
    assert.equal(stdout, 'refused,refused,refused,refused,written false\n')
  })

  it('works every partition of a file by SQL, and finds the record that breaks it', async () => {
    const job = await dropped('sums', sums, `id,root,moment\n${rows.join('')}`)
    assert.ok(job.size > 1)
    const reports = await Promise.all(Array.from({ length: job.size }, (_, index) => succeeded(job, index)))
    assert.equal(
      reports.reduce((sum, { recordsRejected }) => sum + Number(recordsRejected), 0),
      1,
    )
    const found = await published(job, 'sums')
    assert.equal(found.length, 99)
    assert.deepEqual(found[0], { id: 0, root: 0, berlin: '2026-02-01 00:30:00', a: 1 })
  })

  it('outlives a record that kills the process of its SQL', async () => {
    const lines = [0, 1, 2].map(id => JSON.stringify({ id, doc: id === 1 ? deadly : '[1]' }))
    const job = await dropped('killing', killing, `${lines.join('\n')}\n`)
    await house.makeCareful(job)
    // What Docker says where the image says nothing: a home that nobody can write to.
    const { recordsRejected } = await succeeded(job, 0, { HOME: '/' })
    assert.equal(recordsRejected, 1)
    assert.equal((await published(job, 'killing')).length, 2)
  })

  it('runs a program, and keeps what a failed attempt has left', async () => {
    const job = await dropped('counting', counting, '{"id":1}\n{"id":2}\n')
    assert.equal((await worked(job, 0)).exitCode, 1)
    assert.equal((await house.contents('state', 'checkpoints/')).size > 0, true)
    await succeeded(job, 0)
    assert.deepEqual(await published(job, 'counting'), [{ id: 1 }, { id: 2 }])
  })
}

describe("the image's worker", () => {
  before(() => {
    laidOut = standing()
  })
  after(() => {
    assert.deepEqual(standing(), laidOut)
  })

  describe('as an ordinary process that is not root', () => trial(() => ordinary(image), 'ordinary'))

  const skip = mayMount() ? false : 'this machine lets nobody mount (it takes root, on Linux)'
  describe('in a container, with nothing else there and all of it read-only', { skip }, () => {
    let vessel: Vessel
    before(() => {
      vessel = contained(image)
    })
    trial(() => vessel, 'contained')
  })
})
