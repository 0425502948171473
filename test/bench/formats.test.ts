/** That the bench measures readers of the same records: what its ratios stand on. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { formatCases } from '../../bench/cases.ts'
import { contestantsOf, measure } from '../../bench/contestants/contestants.ts'
import { formatTables } from '../../bench/format-tables.ts'
import { inItsProcess } from '../../bench/formats.ts'
import { writeInputs } from '../../bench/inputs.ts'

const megabytes = 1
let folder = ''
let records = 0

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bench-test-'))
  records = await writeInputs(folder, megabytes)
})
after(() => rm(folder, { recursive: true }))

const result = (counts: number[]) => ({
  title: 'CSV',
  bytes: 1_000_000,
  turns: new Map(
    counts.map((found, at) => [
      `reader ${at}`,
      [{ ms: 100 * (at + 1), cpuMs: 100, records: found, peakRssMiB: 1 }],
    ]),
  ),
})

describe('the contestants', () => {
  for (const format of formatCases) {
    it(`all find the same records: ${format.title}`, async () => {
      for (const name of contestantsOf(format)) {
        assert.equal((await measure(format.title, name, folder)).records, records, name)
      }
    })
  }

  it('are measured in a process of their own', async () => {
    const [{ title } = { title: '' }] = formatCases
    const measured = await inItsProcess(title, 'csv-parse', folder)
    assert.equal(measured.records, records)
    assert.ok(measured.ms > 0 && measured.cpuMs > 0 && measured.peakRssMiB > 0)
  })

  it('cannot be made up', async () => {
    const [{ title } = { title: '' }] = formatCases
    await assert.rejects(measure(title, 'a reader that nobody wrote', folder), /There is no contestant/)
  })
})

describe('the tables', () => {
  it('say how fast each one was, beside the fastest library', () => {
    const [row] = formatTables([result([7, 7])])
      .split('\n')
      .filter(line => line.includes('reader 1'))
    assert.match(row ?? '', /\| reader 1 \| 0\.20 \| 5 \| {2}\| 0\.50 \|/)
  })

  it('cannot be had of readers that found different records', () => {
    assert.throws(() => formatTables([result([7, 8])]), /CSV: 7 by reader 0; 8 by reader 1/)
  })
})
