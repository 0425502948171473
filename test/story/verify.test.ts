/** A certificate worked out anew: what was not touched matches, and whatever is touched is found. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { verdictOn } from '../../cli/verify.ts'
import type { Certificate } from '../../shared/certificate.ts'
import type { ObjectRef } from '../../shared/ports.ts'
import type { RunRecord } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { endAll, millrace } from './command.ts'
import { dropped, openStory, type Story } from './story.ts'

const job = { memoryMiB: 512 }
const csv = {
  name: 'people',
  source: { prefix: 'people/', format: 'csv', columns: { id: 'INTEGER', name: 'VARCHAR' } },
  work: { sql: 'SELECT id, name, id % 2 AS odd FROM input' },
  output: { prefix: 'people/', partitionBy: ['odd'] },
  tolerate: { rejectedRecords: 10 },
  job,
}
const merged = {
  name: 'merged',
  source: { prefix: 'merged/', format: 'ndjson', columns: { id: 'INTEGER' } },
  work: { sql: 'SELECT id FROM input' },
  output: { prefix: 'merged/', format: 'csv', compression: 'gzip', targetFileBytes: 1024 ** 2 },
  job,
}
const rows = Array.from({ length: 12 }, (_, id) => `${id === 5 ? 'five' : id},"a\n${id}"`)
const people = `id,name\n${rows.join('\n')}\n`
const lines = Array.from({ length: 9 }, (_, id) => `${JSON.stringify({ id })}\n`).join('')

let story: Story
let run: RunRecord
let mergedRun: RunRecord
const undo: (() => Promise<unknown>)[] = []

before(async () => {
  story = await openStory({ 'people.ts': csv, 'merged.ts': merged })
  ;[run, mergedRun] = await Promise.all([
    dropped(story, 'people/a.csv', people, { partitionBytes: 60 }),
    dropped(story, 'merged/a.ndjson', lines, { partitionBytes: 40 }),
  ])
})
afterEach(async () => {
  for (const step of undo.splice(0)) await step()
})
after(async () => {
  await endAll()
  await story?.close()
})

const objects = () => story.stack.world.objects
const outputRef = (key: string): ObjectRef => ({ bucket: 'output', key })

async function bytesOf(ref: ObjectRef): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of await objects().read(ref)) parts.push(part)
  return Buffer.concat(parts)
}

/** Until the end of the test. */
async function replace(ref: ObjectRef, change: (bytes: Buffer) => Buffer): Promise<void> {
  const untouched = await bytesOf(ref)
  undo.push(() => objects().write(ref, untouched))
  await objects().write(ref, change(Buffer.from(untouched)))
}

async function certificateOf({ certificate = '' }: RunRecord): Promise<Certificate> {
  return JSON.parse((await bytesOf(outputRef(certificate))).toString()) as Certificate
}

/** Rewrites the certificate. */
async function tamper(change: (certificate: Certificate) => void): Promise<void> {
  await replace(outputRef(run.certificate ?? ''), bytes => {
    const certificate = JSON.parse(bytes.toString()) as Certificate
    change(certificate)
    return Buffer.from(JSON.stringify(certificate))
  })
}

const verdict = (of: RunRecord = run, quick = false) => verdictOn(story.stack.world, of, quick, () => {})

/** Which codes are found, each once. */
async function found(of: RunRecord = run, quick = false): Promise<string[]> {
  const { faults, matches } = await verdict(of, quick)
  assert.equal(matches, faults.length === 0)
  return [...new Set(faults.map(({ code }) => code))]
}

const first = <Shape>([one]: Shape[]): Shape => {
  assert.ok(one !== undefined)
  return one
}

describe('A run that nobody touched', () => {
  it('matches its certificate: every range, every record, every output', async () => {
    assert.equal(run.state, RunState.SUCCEEDED)
    const { faults, ...rest } = await verdict()
    const { partitions } = await certificateOf(run)
    const ranges = partitions.filter(({ range }) => range !== null).length
    assert.deepEqual(faults, [])
    assert.ok(ranges >= 2)
    assert.deepEqual([rest.matches, rest.records, rest.ranges], [true, 12, ranges])
  })

  it('matches where its files were merged', async () => {
    assert.equal(mergedRun.state, RunState.SUCCEEDED)
    const certificate = await certificateOf(mergedRun)
    assert.equal(certificate.merges?.length, 1)
    const { faults, outputs, records } = await verdict(mergedRun)
    assert.deepEqual([faults, outputs, records], [[], 1, 9])
  })

  it('is told of in one line, and by the exit code', async () => {
    const said = await millrace(['verify', run.runId], { dataDir: story.dataDir })
    assert.equal(said.exitCode, 0, said.stderr)
    assert.match(
      said.stdout,
      /^run \w+ matches its certificate: \d+ outputs? of .*, 12 records in \d+ ranges? of the source\n$/,
    )
  })
})

describe('What is found', () => {
  it('is one flipped byte of an output, by the exit code too', async () => {
    const output = first((await certificateOf(run)).partitions.flatMap(({ outputs }) => outputs))
    await replace(outputRef(output.key), bytes => {
      bytes[40] = (bytes[40] ?? 0) ^ 1
      return bytes
    })
    assert.deepEqual(await found(run, true), ['OUTPUT_DIFFERS'])
    const said = await millrace(['verify', run.runId, '--quick', '--json'], { dataDir: story.dataDir })
    assert.equal(said.exitCode, 1)
    const { matches, faults } = JSON.parse(said.stdout) as Awaited<ReturnType<typeof verdict>>
    assert.deepEqual([matches, faults[0]?.code, faults[0]?.where], [false, 'OUTPUT_DIFFERS', output.key])
  })

  it('is an output that is gone', async () => {
    const ref = outputRef(first((await certificateOf(run)).partitions.flatMap(({ outputs }) => outputs)).key)
    await replace(ref, bytes => bytes)
    await objects().remove([ref])
    assert.deepEqual(await found(run, true), ['OUTPUT_MISSING'])
  })

  it('is an object that nobody certified', async () => {
    const ref = outputRef(`people/run=${run.runId}/odd=1/part-00000000-99.parquet`)
    await objects().write(ref, Buffer.from('stray'))
    undo.push(() => objects().remove([ref]))
    assert.deepEqual(await found(run, true), ['OUTPUT_UNKNOWN'])
  })

  it('is an output that was merged and not swept', async () => {
    const { merges } = await certificateOf(mergedRun)
    const ref = outputRef(merges?.[0]?.inputs[0] ?? '')
    await objects().write(ref, Buffer.from('stray'))
    undo.push(() => objects().remove([ref]))
    assert.deepEqual(await found(mergedRun, true), ['OUTPUT_UNKNOWN'])
  })

  it('is a count of one output', async () => {
    await tamper(certificate => {
      const partition = first(certificate.partitions)
      first(partition.outputs).records++
      partition.recordsWritten++
      certificate.recordsWritten++
    })
    assert.deepEqual(await found(run, true), ['SUMS_DIFFER', 'RECORD_DIFFERS', 'OUTPUT_DIFFERS'])
  })

  it('is a total', async () => {
    await tamper(certificate => {
      certificate.recordsRead--
    })
    assert.deepEqual(await found(run, true), ['SUMS_DIFFER'])
  })

  it('is a count of records that were read, though all sums agree', async () => {
    await tamper(certificate => {
      first(certificate.partitions).recordsRead++
      first(certificate.partitions.slice(1)).recordsRead--
    })
    assert.deepEqual(await found(run, true), ['RECORD_DIFFERS'])
    assert.deepEqual(await found(run), ['RECORD_DIFFERS', 'RANGE_DIFFERS'])
  })

  it('is a count of rejected records', async () => {
    await tamper(certificate => {
      const partition = first(certificate.partitions.filter(({ recordsRejected }) => recordsRejected > 0))
      partition.recordsRejected = 0
      certificate.recordsRejected = 0
    })
    assert.deepEqual(await found(), ['SUMS_DIFFER', 'RECORD_DIFFERS', 'REJECTS_DIFFER', 'RANGE_DIFFERS'])
  })

  it('is a range that is off by one', async () => {
    await tamper(certificate => {
      const range = first(certificate.partitions).range
      if (range) range[1]++
    })
    assert.deepEqual(await found(), ['RANGES_DO_NOT_TILE', 'RECORD_DIFFERS', 'RANGE_DIFFERS'])
  })

  it('is a bound between two ranges that lies elsewhere, though they tile', async () => {
    await tamper(certificate => {
      const [one, two] = certificate.partitions.filter(({ range }) => range !== null)
      if (one?.range) one.range[1] += 2
      if (two?.range) two.range[0] += 2
    })
    assert.deepEqual(await found(), ['RECORD_DIFFERS', 'RANGE_DIFFERS'])
  })

  it('is another attempt than the one that counts', async () => {
    await tamper(certificate => {
      first(certificate.partitions).attempt++
    })
    assert.deepEqual(await found(run, true), ['RECORD_DIFFERS'])
  })

  it('is data that the ranges no longer begin at', async () => {
    await tamper(certificate => {
      certificate.dataStart--
    })
    assert.deepEqual(await found(run, true), ['PLAN_DIFFERS', 'RANGES_DO_NOT_TILE'])
  })

  it('is another source of the same size', async () => {
    const ref = { bucket: 'drops', key: 'people/a.csv' }
    await objects().write(ref, Buffer.from(people.replace('"a\n7"', '"b\n7"')))
    assert.deepEqual(await found(), ['SOURCE_CHANGED'])
    assert.deepEqual(await found(run, true), [])
  })

  it('is a source that is gone', async () => {
    await objects().remove([{ bucket: 'drops', key: 'people/a.csv' }])
    assert.deepEqual(await found(), ['SOURCE_MISSING'])
  })
})
