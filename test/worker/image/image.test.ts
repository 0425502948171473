/** Real partitions, worked by exactly the files that worker/Dockerfile copies: nobody's root, nothing to write to. */
import assert from 'node:assert/strict'
import { lstatSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { scratchPath } from '../../../shared/pipeline/job.ts'
import type { PipelineInput } from '../../../shared/pipeline.ts'
import type { JobRequest } from '../../../shared/ports.ts'
import { PartitionState } from '../../../shared/vocabulary.ts'
import { type House, openHouse } from './house.ts'
import {
  contained,
  type Ended,
  type Image,
  mayMount,
  openImage,
  ordinary,
  ownImage,
  type Vessel,
} from './vessel.ts'

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

const sums: PipelineInput = {
  name: 'sums',
  output: { prefix: 'sums/', format: 'ndjson' },
  job: { memoryMiB: 512 },
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
const killing: PipelineInput = {
  name: 'killing',
  output: { prefix: 'killing/', format: 'ndjson' },
  job: { memoryMiB: 512 },
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
const counting: PipelineInput = {
  name: 'counting',
  output: { prefix: 'counting/', format: 'ndjson' },
  job: { memoryMiB: 512 },
  source: { prefix: 'counting/', format: 'ndjson', columns: { id: 'INTEGER' } },
  work: { command: ['node', '-e', program], columns: { id: 'INTEGER' } },
}

async function published(job: JobRequest, name: string): Promise<unknown[]> {
  const contents = await house.contents('output', `${name}/run=${job.environment.MILLRACE_RUN_ID}/`)
  return [...contents.values()]
    .flatMap(content => content.toString().trimEnd().split('\n'))
    .map(line => JSON.parse(line) as unknown)
}

/** @param mark so that no two drops have one key. @param brief where the rest is tried elsewhere */
function trial(vessel: () => Vessel, mark: string, brief = false): void {
  const dropped = (pipeline: PipelineInput, content: string): Promise<JobRequest> =>
    house.drop(pipeline, `${pipeline.name}/${mark}`, content)

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
    const job = await dropped(sums, `id,root,moment\n${rows.join('')}`)
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

  if (brief) return

  it('outlives a record that kills the process of its SQL', async () => {
    const lines = [0, 1, 2].map(id => JSON.stringify({ id, doc: id === 1 ? deadly : '[1]' }))
    const job = await dropped(killing, `${lines.join('\n')}\n`)
    await house.makeCareful(job)
    // What Docker says where the image says nothing: a home that nobody can write to.
    const { recordsRejected } = await succeeded(job, 0, { HOME: '/' })
    assert.equal(recordsRejected, 1)
    assert.equal((await published(job, 'killing')).length, 2)
  })

  it('runs a program, and keeps what a failed attempt has left', async () => {
    const job = await dropped(counting, '{"id":1}\n{"id":2}\n')
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

  it("works in an image of one's own, for another user, told by the job alone where it may write", async () => {
    const own = (mayMount() ? contained : ordinary)(ownImage(image))
    const job = await house.drop(killing, 'killing/own', '{"id":1,"doc":"[1]"}\n')
    const variables = { ...house.variables(job, 0), TMPDIR: scratchPath }
    const { exitCode, stdout } = await own.run(image.command, variables)
    assert.equal(exitCode, 0, stdout)
    assert.equal((await house.partition(job, 0))?.report?.recordsWritten, 1)
  })

  describe('as an ordinary process that is not root', () =>
    trial(() => ordinary(image), 'ordinary', mayMount()))

  const skip = mayMount() ? false : 'this machine lets nobody mount (it takes root, on Linux)'
  describe('in a container, with nothing else there and all of it read-only', { skip }, () => {
    let vessel: Vessel
    before(() => {
      vessel = contained(image)
    })
    trial(() => vessel, 'contained')
  })
})
