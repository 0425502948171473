import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { certificateOf, setbacks } from '../../shared/certificate.ts'
import type { PartitionRecord } from '../../shared/records.ts'
import { miscuts } from '../../shared/tiling.ts'
import { documentOf, failed, failureOf, succeeded, time } from './given.ts'

const document = documentOf(3)

describe('ranges', () => {
  test('that tile the data are no miscuts', () => {
    assert.deepEqual(
      miscuts(document, [succeeded(0, [10, 120]), succeeded(1, [120, 215]), succeeded(2, [215, 310])]),
      [],
    )
  })

  test('may leave out a partition in which no record begins', () => {
    assert.deepEqual(miscuts(document, [succeeded(0, [10, 250]), succeeded(1), succeeded(2, [250, 310])]), [])
  })

  test('need not exist where there are no partitions', () => {
    assert.deepEqual(miscuts({ ...documentOf(0) }, []), [])
  })

  test('cannot leave a gap: the partition that started late starts again where its neighbour ended', () => {
    const found = miscuts(document, [
      succeeded(0, [10, 120]),
      succeeded(1, [125, 215]),
      succeeded(2, [215, 310]),
    ])
    assert.deepEqual(
      found.map(({ assignment }) => assignment),
      [{ partition: 1, start: 110, end: 210, exactStart: 120 }],
    )
  })

  test('cannot overlap', () => {
    const found = miscuts(document, [
      succeeded(0, [10, 120]),
      succeeded(1, [115, 215]),
      succeeded(2, [215, 310]),
    ])
    assert.deepEqual(
      found.map(({ assignment }) => assignment.exactStart),
      [120],
    )
  })

  test('cannot begin inside a record that reaches over many of them: all of these are found at once', () => {
    const found = miscuts(documentOf(5), [
      succeeded(0, [10, 380]),
      succeeded(1, [115, 220]),
      succeeded(2, [220, 330]),
      succeeded(3, [380, 415]),
      succeeded(4, [415, 510]),
    ])
    assert.deepEqual(
      found.map(({ assignment: { partition, exactStart, scanFrom } }) => [partition, exactStart, scanFrom]),
      [
        [1, undefined, 380],
        [2, undefined, 380],
      ],
    )
  })

  test('cannot begin behind the first record, nor end before the last byte', () => {
    assert.equal(
      miscuts(document, [succeeded(0, [15, 310]), succeeded(1), succeeded(2)])[0]?.assignment.partition,
      0,
    )
    assert.equal(
      miscuts(document, [succeeded(0, [10, 300]), succeeded(1), succeeded(2)]).at(-1)?.assignment.partition,
      2,
    )
  })

  test('beyond the first wrong one are not taken for proven: what lies there is scanned', () => {
    const found = miscuts(document, [
      succeeded(0, [10, 120]),
      succeeded(1, [125, 213]),
      succeeded(2, [217, 310]),
    ])
    assert.deepEqual(
      found.map(({ assignment: { partition, exactStart, scanFrom } }) => [partition, exactStart, scanFrom]),
      [
        [1, 120, undefined],
        [2, undefined, 120],
      ],
    )
  })

  test('of partitions that all found nothing are scanned from the proven end once guesses are distrusted', () => {
    const found = miscuts(
      documentOf(4),
      [succeeded(0, [10, 120]), succeeded(1), succeeded(2), succeeded(3)],
      true,
    )
    assert.deepEqual(
      found.map(({ assignment: { partition, exactStart, scanFrom } }) => [partition, exactStart, scanFrom]),
      [
        [1, 120, undefined],
        [2, undefined, 120],
        [3, undefined, 120],
      ],
    )
  })

  test('are all scanned right of the proven part once guesses are distrusted', () => {
    const found = miscuts(
      document,
      [succeeded(0, [10, 120]), succeeded(1, [125, 215]), succeeded(2, [215, 310])],
      true,
    )
    assert.deepEqual(
      found.map(({ assignment }) => [assignment.partition, assignment.scanFrom]),
      [
        [1, undefined],
        [2, 120],
      ],
    )
  })

  test('are none wrong exactly where they tile, whatever the ranges', () => {
    const report = fc.option(fc.tuple(fc.integer({ min: 10, max: 310 }), fc.integer({ min: 10, max: 310 })))
    fc.assert(
      fc.property(fc.tuple(report, report, report), ranges => {
        const reports = ranges.map((range, at) => succeeded(at, range ?? undefined))
        assert.equal(miscuts(document, reports).length === 0, tile(reports))
      }),
      {
        seed: 7,
        numRuns: 3000,
        examples: [
          [
            [
              [10, 110],
              [110, 210],
              [210, 310],
            ],
          ],
          [[[10, 310], null, null]],
        ],
      },
    )
  })
})

function tile(reports: PartitionRecord[]): boolean {
  const bounds = reports.flatMap(({ report }) =>
    report?.range ? [report.range.start, report.range.end] : [],
  )
  const all = [10, ...bounds, 310]
  return all.every((at, place) => place % 2 === 1 || all[place + 1] === at)
}

const claim = (round: number, jobId: string, jobAttempt: number) => ({
  round,
  fence: 1,
  jobId,
  jobAttempt,
  at: time,
})

describe('a certificate', () => {
  const reports = [succeeded(0, [10, 120]), succeeded(1), succeeded(2, [120, 310])]

  test('sums what its partitions counted, and names the range and attempt of each', () => {
    const certificate = certificateOf(document, reports, 2, 'output', time)
    assert.deepEqual([certificate.recordsRead, certificate.recordsWritten, certificate.rounds], [20, 20, 2])
    assert.deepEqual(
      certificate.partitions.map(({ range, attempt }) => [range, attempt]),
      [
        [[10, 120], 1],
        [null, 1],
        [[120, 310], 1],
      ],
    )
  })

  test('cannot be written of a partition that has not SUCCEEDED', () => {
    assert.throws(
      () => certificateOf(document, [failed(0, 'TEMPORARY')], 1, 'output', time),
      /cannot be certified/,
    )
  })

  test('tells of a reclaim once, where the attempt that met it has said so and Batch retried it', () => {
    const claim = (jobAttempt: number) => ({ round: 1, fence: jobAttempt, jobId: 'j', jobAttempt, at: time })
    const said = { ...failureOf('SPOT_RECLAIMED', 1), fence: 1, jobId: 'j' }
    const reclaims = (attempts: number, failures = [said]) =>
      setbacks({ ...succeeded(0), claims: [1, 2, 3].slice(0, attempts).map(claim), failures }).length
    assert.deepEqual([reclaims(1), reclaims(2), reclaims(3)], [1, 1, 2])
    assert.equal(reclaims(3, [said, { ...said, fence: 3 }]), 3)
    assert.equal(reclaims(2, [{ ...said, jobId: 'another' }]), 2)
  })

  test('tells what went wrong before: reclaims that Batch retried too, in order of the rounds', () => {
    const record = {
      ...succeeded(0, [10, 310]),
      claims: [claim(1, 'a:0', 1), claim(1, 'a:0', 3), claim(2, 'b', 1)],
      failures: [failureOf('TEMPORARY', 1)],
    }
    assert.deepEqual(
      setbacks(record).map(({ round, code }) => [round, code]),
      [
        [1, 'SPOT_RECLAIMED'],
        [1, 'SPOT_RECLAIMED'],
        [1, 'TEMPORARY'],
      ],
    )
  })
})
