import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { certificateOf, officialOutputs } from '../../shared/certificate.ts'
import { stageBase } from '../../shared/documents.ts'
import { inputsPerMergeMax, mergesOf } from '../../shared/merge.ts'
import type { OutputObject, PartitionRecord } from '../../shared/records.ts'
import { documentOf, failed, pipelineOf, runId, succeeded, time } from './given.ts'

const mebibyte = 1024 ** 2
const target = 10 * mebibyte
const prefix = 'curated/orders/'
const merging = pipelineOf({ output: { prefix, targetFileBytes: target } })

const output = (name: string, bytes: number): OutputObject => ({
  key: `${prefix}run=${runId}/${name}`,
  bytes,
  sha256: 'aa',
  records: 1,
})

/** Each partition with its files: name and size in MiB. */
function worked(...partitions: [name: string, mebibytes: number][][]): PartitionRecord[] {
  return partitions.map((files, at) => {
    const record = succeeded(at, [at, at + 1])
    const outputs = files.map(([name, size]) => output(name, size * mebibyte))
    return { ...record, ...(record.report ? { report: { ...record.report, outputs } } : {}) }
  })
}

const grouped = (...partitions: [name: string, mebibytes: number][][]): [string, string[]][] =>
  mergesOf(documentOf(partitions.length, merging), worked(...partitions)).map(({ folder, inputs }) => [
    folder,
    inputs.map(({ key }) => key.slice(key.lastIndexOf('/') + 1)),
  ])

describe('small files are merged', () => {
  test('in order of partition, up to the target', () => {
    assert.deepEqual(grouped([['a', 4]], [['b', 4]], [['c', 4]], [['d', 4]], [['e', 1]]), [
      ['', ['a', 'b']],
      ['', ['c', 'd', 'e']],
    ])
  })

  test('within their folder', () => {
    assert.deepEqual(
      grouped(
        [
          ['d=1/a', 1],
          ['d=2/a', 1],
        ],
        [
          ['d=1/b', 1],
          ['d=3/b', 1],
        ],
        [['d=2/c', 1]],
      ),
      [
        ['d=1/', ['a', 'b']],
        ['d=2/', ['a', 'c']],
      ],
    )
  })

  test('not across a large one, which stays as it is', () => {
    assert.deepEqual(grouped([['a', 1]], [['b', 1]], [['c', 5]], [['d', 1]], [['e', 1]]), [
      ['', ['a', 'b']],
      ['', ['d', 'e']],
    ])
  })

  test('not where one is alone', () => {
    assert.deepEqual(grouped([['a', 1]], [['b', 9]], [['c', 1]]), [])
  })

  test('not where the pipeline names no target', () => {
    assert.deepEqual(mergesOf(documentOf(2), worked([['a', 1]], [['b', 1]])), [])
  })

  test('a thousand at a time', () => {
    const many = Array.from({ length: inputsPerMergeMax + 2 }, (_, at): [string, number][] => [[`${at}`, 0]])
    assert.deepEqual(
      mergesOf(documentOf(many.length, merging), worked(...many)).map(({ partition, inputs }) => [
        partition,
        inputs.length,
      ]),
      [
        [stageBase.merge, inputsPerMergeMax],
        [stageBase.merge + 1, 2],
      ],
    )
  })

  test('whatever they are: each at most once, none grown beyond the target, all others official as before', () => {
    const file = fc.tuple(fc.constantFrom('', 'd=1/', 'd=2/'), fc.integer({ min: 0, max: 14 }))
    fc.assert(
      fc.property(fc.array(fc.array(file, { maxLength: 4 }), { maxLength: 30 }), files => {
        const names = files.map((each, at) =>
          each.map(([folder, size], number): [string, number] => [`${folder}p${at}-${number}`, size]),
        )
        const run = documentOf(files.length, merging)
        const partitions = worked(...names)
        const tasks = mergesOf(run, partitions)
        const merges = tasks.map(task => {
          const record = succeeded(task.partition)
          const outputs = [output(`${task.folder}m${task.merge}`, 1)]
          return {
            task,
            record: { ...record, ...(record.report ? { report: { ...record.report, outputs } } : {}) },
          }
        })
        const inputs = tasks.flatMap(task => task.inputs.map(({ key }) => key))
        assert.equal(new Set(inputs).size, inputs.length)
        for (const task of tasks) {
          assert.ok(task.inputs.length > 1)
          assert.ok(task.inputs.reduce((sum, { bytes }) => sum + bytes, 0) <= target)
        }
        const certificate = certificateOf(run, partitions, 1, 'output', time, merges)
        const official = officialOutputs(certificate).map(({ key }) => key)
        const all = partitions.flatMap(({ report }) => report?.outputs ?? []).map(({ key }) => key)
        const expanded = official.flatMap(key => {
          const task = tasks.find(each => key === output(`${each.folder}m${each.merge}`, 1).key)
          return task ? task.inputs.map(input => input.key) : [key]
        })
        assert.deepEqual(expanded.toSorted(), all.toSorted())
        for (const folder of ['d=1/', 'd=2/']) {
          const inFolder = (key: string): boolean => key.includes(folder)
          assert.deepEqual(expanded.filter(inFolder), all.filter(inFolder))
        }
      }),
      { seed: 11, numRuns: 500 },
    )
  })
})

describe('a certificate of merged files', () => {
  const run = documentOf(2, merging)
  const partitions = worked([['a', 1]], [['b', 1]])
  const [task] = mergesOf(run, partitions)
  const record = { ...succeeded(stageBase.merge), fence: 3, round: 2 }
  const outputs = [output('merged-00000000-3.parquet', 2)]
  const report = { recordsRead: 2, recordsRejected: 0, recordsWritten: 2, outputs }
  const merges = task ? [{ task, record: { ...record, report } }] : []

  test('names the inputs and the attempt; what was merged is official no more', () => {
    const certificate = certificateOf(run, partitions, 2, 'output', time, merges)
    assert.deepEqual(certificate.merges, [
      {
        merge: 0,
        round: 2,
        attempt: 3,
        inputs: ['a', 'b'].map(name => output(name, 1).key),
        outputs,
        failures: [],
      },
    ])
    assert.deepEqual(officialOutputs(certificate), outputs)
  })

  test('cannot be written while a merge has not SUCCEEDED', () => {
    const open = merges.map(({ task: each }) => ({
      task: each,
      record: failed(stageBase.merge, 'TEMPORARY'),
    }))
    assert.throws(() => certificateOf(run, partitions, 2, 'output', time, open), /cannot be certified/)
  })
})
