import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { type UglyInput, uglyInputs } from './inputs.ts'
import { type Partitioned, planned, type Row, readPartitioned } from './partitioned.ts'
import { serialRows } from './serial.ts'

/** Every partition size of a small input would be thousands of partitions: these, and the whole. */
const sizes = [1, 2, 3, 5, 8, 13, 29, 64, 200, 1000]
/** Each partition may look at all that follows it: so many bytes in all are looked at in good time. */
const bytesLookedAtMax = 1_500_000

function sizesOf({ content }: UglyInput): number[] {
  const fine = sizes.filter(
    bytes => bytes < content.length && (content.length / bytes) * content.length <= bytesLookedAtMax,
  )
  return [...fine, Math.max(1, content.length)]
}

/** JSON elements are compared as values: between their tokens, space is of no meaning. */
function comparable(rows: readonly Row[], { pipeline }: UglyInput): readonly Row[] {
  if (pipeline.source.format !== 'json') return rows
  return rows.map(([element]) => [JSON.stringify(JSON.parse(element ?? 'null'))])
}

async function read(input: UglyInput, partitionBytes: number, chunkBytes: number): Promise<Partitioned> {
  const read = await readPartitioned(input, partitionBytes, chunkBytes)
  assert.ok(!isRefusal(read), isRefusal(read) ? `${read.code}: ${read.words}` : '')
  return read
}

describe('an ugly input, in partitions of any size, has the records of a serial reading:', () => {
  for (const input of uglyInputs()) {
    const { name, expectation } = input
    if (expectation.refused || expectation.bad) continue
    test(name, async () => {
      const whole = await read(input, Math.max(1, input.content.length), 64 * 1024)
      const wanted = serialRows(input) ?? whole.rows
      if ((expectation.rejected ?? 0) >= 0) assert.equal(whole.rejected, expectation.rejected ?? 0)
      for (const bytes of sizesOf(input)) {
        const { rows, rejected } = await read(input, bytes, bytes % 2 === 0 ? 7 : 64 * 1024)
        assert.deepEqual(comparable(rows, input), wanted, `in partitions of ${bytes} bytes`)
        assert.equal(rejected, whole.rejected, `in partitions of ${bytes} bytes`)
      }
    })
  }
})

describe('an ugly input cannot be read in part:', () => {
  for (const input of uglyInputs().filter(({ expectation }) => expectation.refused)) {
    test(`${input.name} is refused`, async () => {
      const plan = await planned(input, 100)
      assert.ok(isRefusal(plan))
      assert.equal(plan.code, input.expectation.refused)
    })
  }
  for (const input of uglyInputs().filter(({ expectation }) => expectation.bad)) {
    test(`${input.name} is bad, whatever the cuts`, async () => {
      for (const bytes of sizesOf(input)) {
        await assert.rejects(readPartitioned(input, bytes, 1000), { code: 'BAD_INPUT' })
      }
    })
  }
})

describe('the dialect', () => {
  for (const input of uglyInputs().filter(({ expectation }) => expectation.delimiterFound)) {
    test(`of ${input.name} is sniffed`, async () => {
      const plan = await planned(input, 100)
      assert.ok(!isRefusal(plan))
      assert.equal(plan.layout.csv?.delimiter, input.expectation.delimiterFound)
    })
  }
})
