/** From one stage to the next: what a round that ended leads to. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type RunDocument, stageBase } from '../../shared/documents.ts'
import { PartitionPlan } from '../../shared/partition-plan.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { planPieces, splitRound, splitsFirst } from '../../shared/plan/split.ts'
import { partitionsMax, planRun } from '../../shared/plan.ts'
import type { PartitionRecord } from '../../shared/records.ts'
import { settleRound } from '../../shared/settlement.ts'
import { taskName } from '../../shared/stages.ts'
import { miscuts } from '../../shared/tiling.ts'
import type { RoundFacts } from '../../shared/verdict.ts'
import { Stage } from '../../shared/vocabulary.ts'
import { documentOf, failed, failureOf, pipelineOf, runOf, succeeded, time } from './given.ts'

const laid = { bytes: 1000, pieceBytes: 300, pieces: 4 }

/** A run of 100-byte partitions that is to be split. */
function serial(layout: Partial<RunDocument['layout']> = {}): RunDocument {
  const document = documentOf(0)
  return { ...document, layout: { ...document.layout, space: 'pieces', skipBytes: 10, ...layout } }
}

function split(report: Partial<NonNullable<PartitionRecord['report']>> = { split: laid }): PartitionRecord {
  const record = succeeded(stageBase.split, [0, 50])
  return {
    ...record,
    report: { recordsRead: 0, recordsWritten: 0, recordsRejected: 0, outputs: [], ...report },
  }
}

function factsOf(more: Partial<RoundFacts>): RoundFacts {
  const given = { run: runOf(), document: documentOf(3), assignments: new Map(), partitions: [] }
  const buckets = { stateBucket: 'state', outputBucket: 'output' }
  return { ...given, ...buckets, now: time, random: 0, ...more }
}

const splitting = { run: runOf({ stage: Stage.split, partitions: 0 }), document: serial() }

describe('a round of the split stage', () => {
  test('is one task over the whole object, numbered apart from the partitions', () => {
    const { stage, assignments } = splitRound(serial())
    assert.deepEqual([stage, assignments], [Stage.split, [{ partition: stageBase.split, start: 0, end: 10 }]])
    assert.deepEqual([taskName(stageBase.split), taskName(0)], ['the split', 'partition 0'])
  })

  test('leads to the work on what was laid down, behind the header', () => {
    const verdict = settleRound(factsOf({ ...splitting, tasks: [split()] }))
    assert.ok(verdict.kind === 'work')
    const { dataStart, dataEnd, partitions, pieces } = verdict.document
    assert.deepEqual([dataStart, dataEnd, partitions], [10, 1000, 10])
    assert.deepEqual(pieces, { ...laid, bucket: 'state' })
    assert.equal(splitsFirst(verdict.document), false)
  })

  test('is repeated where it failed, whatever records of partitions there may be', () => {
    const verdict = settleRound(factsOf({ ...splitting, tasks: [failed(stageBase.split, 'TEMPORARY')] }))
    assert.ok(verdict.kind === 'again')
    assert.deepEqual(
      verdict.assignments.map(({ partition }) => partition),
      [stageBase.split],
    )
  })

  test('refuses what would be too many partitions', () => {
    const many = { split: { ...laid, bytes: 100 * (partitionsMax + 1) } }
    const verdict = settleRound(factsOf({ ...splitting, tasks: [split(many)] }))
    assert.equal(verdict.kind === 'refuse' && verdict.failure.code, 'TOO_MANY_PARTITIONS')
  })

  test('of a stream shorter than its header leaves nothing to be worked', () => {
    const planned = planPieces(serial(), { ...laid, bytes: 4 }, 'state')
    assert.ok(!isRefusal(planned))
    assert.deepEqual([planned.dataStart, planned.dataEnd, planned.partitions], [4, 4, 0])
  })
})

describe('a round of the work stage', () => {
  const outputs = (partition: number) => [
    { key: `curated/orders/run=${'a'.repeat(24)}/${partition}`, bytes: 9, sha256: '', records: 1 },
  ]
  const done = [0, 1, 2].map(at => {
    const record = succeeded(at, [10 + at * 100, 110 + at * 100])
    return {
      ...record,
      report: { ...(record.report ?? split().report), outputs: outputs(at) } as NonNullable<
        PartitionRecord['report']
      >,
    }
  })
  const pipeline = pipelineOf({ output: { prefix: 'curated/orders/', targetFileBytes: 1024 ** 2 } })
  const document = documentOf(3, pipeline)

  test('leads to merging where that makes fewer files, and only once it tiles', () => {
    const verdict = settleRound(factsOf({ document, partitions: done }))
    assert.deepEqual(verdict.kind === 'merge' && verdict.tasks.map(({ inputs }) => inputs.length), [3])
    assert.equal(settleRound(factsOf({ partitions: done })).kind, 'publish')
    const gap = [...done.slice(0, 2), succeeded(2, [217, 310])]
    assert.equal(settleRound(factsOf({ document, partitions: gap })).kind, 'again')
  })

  test('is published with what was merged, and not before all of that is done', () => {
    const run = runOf({ stage: Stage.merge, merges: 1, round: 2 })
    const [merged] = [succeeded(stageBase.merge)]
    const before = settleRound(factsOf({ run, document, partitions: done, tasks: [] }))
    assert.deepEqual(before.kind === 'again' && before.assignments.map(({ partition }) => partition), [
      stageBase.merge,
    ])
    const after = settleRound(factsOf({ run, document, partitions: done, tasks: merged ? [merged] : [] }))
    assert.equal(after.kind === 'publish' && after.certificate.merges?.[0]?.inputs.length, 3)
  })

  test('refuses the run where one partition saw that the whole cannot be taken, in its own words', () => {
    const seen = { ...failureOf('BAD_INPUT', 1), refusal: 'STREAM_CORRUPT', remedy: 'Upload it again.' }
    const bad = { ...failed(1, 'BAD_INPUT'), failures: [seen] }
    const verdict = settleRound(factsOf({ partitions: [...done.slice(0, 1), bad] }))
    const failure = { code: 'STREAM_CORRUPT', words: seen.reason, remedy: 'Upload it again.' }
    assert.deepEqual(verdict, { kind: 'refuse', failure })
  })

  test('blames by what the partitions were told, where no arithmetic cuts them', () => {
    const starts = [10, 30, 200, 310]
    const told = (at: number) => ({ partition: at, start: starts[at] ?? 0, end: starts[at + 1] ?? 0 })
    const planned = new Map([0, 1, 2].map(at => [at, told(at)]))
    const ranges = [succeeded(0, [10, 30]), succeeded(1, [30, 204]), succeeded(2, [207, 310])]
    const [miscut] = miscuts(documentOf(3), ranges, false, new PartitionPlan(documentOf(3), [], planned))
    assert.deepEqual(miscut?.assignment, { partition: 2, start: 200, end: 310, exactStart: 204 })
  })
})

describe('planning a JSON document', () => {
  const pipeline = pipelineOf({ source: { prefix: 'orders/', format: 'json', path: 'items' } })
  const plan = (text: string | Buffer, bytes?: number, wanted?: number) => {
    const head = Buffer.from(text)
    const source = { bucket: 'drops', key: 'orders/a.json', bytes: bytes ?? head.length, etag: 'e' }
    return planRun('r', pipeline, { source, head, read: () => assert.fail('is not looked at again') }, wanted)
  }
  const text = '{"items": [{"id": 1},\n {"id": 2}]}'

  test('takes a small one whole, and splits a large one first', async () => {
    const small = await plan(text)
    assert.ok(!isRefusal(small))
    assert.deepEqual([small.layout.space, small.partitions, small.dataEnd], ['whole', 1, text.length])
    for (const large of [await plan(text, 1024 ** 3), await plan(text, undefined, 20)]) {
      assert.ok(!isRefusal(large) && splitsFirst(large))
      assert.equal(large.partitions, 0)
    }
  })

  test('refuses at once what its head shows to be no such document', async () => {
    for (const [body, code] of [
      ['[1]', 'PATH_NOT_FOUND'],
      ['{"items": 1}', 'JSON_NOT_ARRAY'],
      ['{"items": [1}', 'JSON_BROKEN'],
      ['{"items": [1]', 'JSON_BROKEN'],
      [Buffer.from('\ufeff{}', 'utf16le'), 'JSON_NOT_UTF8'],
      [Buffer.from('{"items"', 'utf16le'), 'JSON_NOT_UTF8'],
    ] as const) {
      const refused = await plan(body)
      assert.ok(isRefusal(refused), String(body))
      assert.equal(refused.code, code)
      assert.match(refused.words, /byte \d/)
    }
    // More of it is to come.
    assert.ok(!isRefusal(await plan('{"items": [1', 1000)))
  })
})
