/** A file arrives. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MillraceError } from '../../shared/errors.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { assertWell, runOf, runsOf } from './endings.ts'
import { linesOf, linesPipeline } from './settings.ts'

function open(options: Partial<HouseOptions> = {}): MemoryHouse {
  return new MemoryHouse({ pipelines: [linesPipeline()], ...options })
}

describe('a dropped file', () => {
  test('becomes one run, whose certificate names every byte of it', async () => {
    const house = open()
    const runId = await house.drop('text/a.txt', linesOf(3))
    assert.equal(await house.untilEnded(), 0)
    const run = await runOf(house, runId)
    assert.deepEqual([run.state, run.round, run.partitions], [RunState.SUCCEEDED, 1, 3])
    assert.deepEqual(run.totals, { recordsRead: 3, recordsWritten: 3, recordsRejected: 0 })
    const [certificate] = house.ports.certificates
    assert.deepEqual(
      certificate?.partitions.map(({ range }) => range),
      [
        [0, 20],
        [20, 40],
        [40, 60],
      ],
    )
    await assertWell(house)
  })

  test('cannot start a second run, though its event comes five times, late and out of order', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const house = open({ seed, copies: ({ step }) => (step === 'partition' ? 5 : 1) })
      await house.drop('text/a.txt', linesOf(3))
      await house.untilEnded()
      assert.equal((await runsOf(house, 'text')).length, 1)
      assert.equal(house.ports.jobs.submitted().length, 1)
      await assertWell(house)
    }
  })

  test('starts another run where it is dropped again, though its content is the same', async () => {
    const house = open()
    const first = await house.drop('text/a.txt', linesOf(2))
    await house.untilEnded()
    const second = await house.drop('text/a.txt', linesOf(2))
    await house.untilEnded()
    assert.notEqual(first, second)
    assert.equal((await runOf(house, second)).state, RunState.SUCCEEDED)
    await assertWell(house)
  })

  test('starts none where the pipeline skips identical content, and one where the content differs', async () => {
    const house = open({ pipelines: [linesPipeline({ skipIdentical: true })] })
    await house.drop('text/a.txt', linesOf(2))
    await house.untilEnded()
    await house.drop('text/a.txt', linesOf(2))
    await house.untilEnded()
    assert.equal((await runsOf(house, 'text')).length, 1)
    await house.drop('text/a.txt', linesOf(2, 'other'))
    await house.untilEnded()
    assert.equal((await runsOf(house, 'text')).length, 2)
    await assertWell(house)
  })

  test('starts a run in spite of that where the same content FAILED before', async () => {
    const house = open({
      pipelines: [linesPipeline({ skipIdentical: true })],
      misfortunes: [
        { partition: 0, nth: 1, kind: 'throws', error: new MillraceError('BAD_INPUT', 'not so') },
      ],
    })
    const first = await house.drop('text/a.txt', linesOf(1))
    await house.untilEnded()
    const second = await house.drop('text/a.txt', linesOf(1))
    await house.untilEnded()
    assert.equal((await runOf(house, first)).state, RunState.FAILED)
    assert.equal((await runOf(house, second)).state, RunState.SUCCEEDED)
    await assertWell(house)
  })

  test('starts none where no pipeline takes its key', async () => {
    const house = open()
    await house.drop('elsewhere/a.txt', linesOf(1))
    await house.untilEnded()
    assert.equal((await runsOf(house, 'text')).length, 0)
    await assertWell(house)
  })

  for (const [what, body] of [
    ['is empty', ''],
    ['is a byte order mark', '\ufeff'],
  ] as const) {
    test(`that ${what} becomes a certificate of nothing`, async () => {
      const house = open()
      const runId = await house.drop('text/empty.txt', body)
      await house.untilEnded()
      const run = await runOf(house, runId)
      assert.deepEqual([run.state, run.partitions, run.totals?.recordsRead], [RunState.SUCCEEDED, 0, 0])
      assert.deepEqual(house.ports.jobs.submitted(), [])
      await assertWell(house)
    })
  }

  for (const [what, body, records] of [
    ['without a last newline', 'one\ntwo\nthree', 3],
    ['with CRLF', 'one\r\ntwo\r\n', 2],
    ['of one line that is longer than many partitions', `${'x'.repeat(500)}\nshort\n`, 2],
  ] as const) {
    test(`${what} is read to the last byte`, async () => {
      const house = open()
      const runId = await house.drop('text/odd.txt', body)
      await house.untilEnded()
      assert.equal((await runOf(house, runId)).totals?.recordsRead, records)
      await assertWell(house)
    })
  }

  for (const key of [
    'text/a b.txt',
    'text/a+b%20c.txt',
    'text/né/日本語 😀.txt',
    `text/${'k'.repeat(1019)}`,
  ]) {
    test(`keeps its key: ${key.slice(0, 40)} (${Buffer.byteLength(key)} bytes)`, async () => {
      const house = open()
      const runId = await house.drop(key, linesOf(2))
      await house.untilEnded()
      const run = await runOf(house, runId)
      assert.deepEqual([run.state, run.source.key], [RunState.SUCCEEDED, key])
      await assertWell(house)
    })
  }

  test('is taken by the pipeline with the longest prefix', async () => {
    const deeper = linesPipeline({ name: 'deeper', output: { prefix: 'curated/deeper/' } })
    const pipelines = [
      linesPipeline(),
      { ...deeper, source: { prefix: 'text/deep/', format: 'lines' as const } },
    ]
    const house = open({ pipelines })
    const runId = await house.drop('text/deep/a.txt', linesOf(1))
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).pipeline, 'deeper')
    await assertWell(house)
  })

  test('may name its own size of partitions', async () => {
    const house = open()
    const runId = await house.drop('text/a.txt', linesOf(4), {
      metadata: { 'millrace-partition-bytes': '40' },
    })
    await house.untilEnded()
    assert.equal((await runOf(house, runId)).partitions, 2)
    await assertWell(house)
  })
})

describe('an object that changes', () => {
  test('before it is planned is REFUSED, and its newer version is a run of its own', async () => {
    const house = open()
    const first = await house.drop('text/a.txt', linesOf(2))
    const second = await house.drop('text/a.txt', linesOf(3, 'newer'))
    await house.untilEnded()
    const { state, failure } = await runOf(house, first)
    assert.deepEqual([state, failure?.code], [RunState.REFUSED, 'SOURCE_CHANGED'])
    assert.equal((await runOf(house, second)).state, RunState.SUCCEEDED)
    await assertWell(house)
  })

  test('while it is read ends the run as FAILED, and is never half-read', async () => {
    const house = open({ slots: 0 })
    const first = await house.drop('text/a.txt', linesOf(2))
    await house.untilQuiet()
    const second = await house.drop('text/a.txt', linesOf(3, 'newer'))
    house.children.slots = 4
    await house.untilEnded()
    const { state, failure, round } = await runOf(house, first)
    assert.deepEqual([state, failure?.code, round], [RunState.FAILED, 'SOURCE_CHANGED', 1])
    assert.equal((await runOf(house, second)).state, RunState.SUCCEEDED)
    await assertWell(house)
  })
})
