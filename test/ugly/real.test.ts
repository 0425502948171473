import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { inputOf, type UglyInput } from './inputs.ts'
import { readPartitioned } from './partitioned.ts'
import { serialRows } from './serial.ts'

const folder = new URL('../../node_modules/vega-datasets/data/', import.meta.url)
/** Larger ones have no more to tell here. */
const bytesMax = 1_300_000
/** Partitions of each file, roughly. */
const counts = [1, 7, 60]

function realInputs(): UglyInput[] {
  return readdirSync(folder).flatMap(name => {
    const content = readFileSync(new URL(name, folder))
    if (content.length > bytesMax) return []
    if (name.endsWith('.tsv')) return inputOf(`csv/${name}`, content, { header: true, delimiterFound: '\t' })
    if (name.endsWith('.csv')) return inputOf(`csv/${name}`, content, { header: true })
    return name.endsWith('.json') && isTable(content) ? inputOf(`json/${name}`, content) : []
  })
}

function isTable(content: Buffer): boolean {
  const value: unknown = JSON.parse(content.toString())
  return Array.isArray(value) && value.every(each => typeof each === 'object' && each !== null)
}

describe('real data, in partitions of any size, has the records of a serial reading:', () => {
  const inputs = realInputs()
  test('there is plenty of it', () => assert.ok(inputs.length > 40))
  for (const input of inputs) {
    test(input.name, async () => {
      const wanted = serialRows(input)
      for (const count of counts) {
        const read = await readPartitioned(input, Math.ceil(input.content.length / count), 64 * 1024)
        assert.ok(!isRefusal(read), isRefusal(read) ? `${read.code}: ${read.words}` : '')
        assert.equal(read.rejected, 0)
        const json = input.pipeline.source.format === 'json'
        const rows = json ? read.rows.map(([row]) => [JSON.stringify(JSON.parse(row ?? ''))]) : read.rows
        assert.deepEqual(rows, wanted, `in about ${count} partitions`)
      }
    })
  }
})
