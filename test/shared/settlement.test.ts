import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Assignment } from '../../shared/documents.ts'
import type { FailureCode } from '../../shared/failure.ts'
import { partitionsGrowthFree, partitionsGrowthMax, quarters } from '../../shared/ladder.ts'
import { PartitionPlan } from '../../shared/partition-plan.ts'
import { type PartitionRecord, roundsMax } from '../../shared/records.ts'
import { settleRound } from '../../shared/settlement.ts'
import type { RoundFacts, Verdict } from '../../shared/verdict.ts'
import { documentOf, failed, pipelineOf, runOf, succeeded, time } from './given.ts'

const done = [succeeded(0, [10, 110]), succeeded(1, [110, 210]), succeeded(2, [210, 310])]

function factsOf(partitions: PartitionRecord[], more: Partial<RoundFacts> = {}): RoundFacts {
  return {
    run: runOf(),
    document: documentOf(3),
    assignments: new Map<number, Assignment>(),
    partitions,
    stateBucket: 'state',
    outputBucket: 'output',
    now: time,
    random: 0,
    ...more,
  }
}

const verdictOf = (partitions: PartitionRecord[], more?: Partial<RoundFacts>): Verdict =>
  settleRound(factsOf(partitions, more))

/** The verdict where partition 1 of three failed so. */
function afterFailures(codes: FailureCode[], more: Partial<RoundFacts> = {}): Verdict {
  return verdictOf([succeeded(0, [10, 110]), failed(1, ...codes), succeeded(2, [210, 310])], {
    run: runOf({ round: codes.length }),
    ...more,
  })
}

const delayOf = (verdict: Verdict): number | undefined =>
  verdict.kind === 'again' ? verdict.delayMs : undefined

const tolerant = (rejectedRecords: number) => documentOf(3, pipelineOf({ tolerate: { rejectedRecords } }))

describe('a round all of whose partitions SUCCEEDED', () => {
  test('is published where their ranges tile', () => {
    assert.equal(verdictOf(done).kind, 'publish')
  })

  test('cannot be published where they do not: only the wrong one is worked again, at once', () => {
    const verdict = verdictOf([succeeded(0, [10, 110]), succeeded(1, [117, 210]), succeeded(2, [210, 310])])
    assert.equal(verdict.kind, 'again')
    assert.deepEqual(verdict.kind === 'again' && verdict.assignments, [
      { partition: 1, start: 110, end: 210, exactStart: 110 },
    ])
    assert.equal(delayOf(verdict), 0)
  })

  test('cannot be published with more rejected records than are tolerated', () => {
    const rejecting = done.map(one => ({
      ...one,
      report: { recordsRead: 1, recordsWritten: 0, outputs: [], ...one.report, recordsRejected: 1 },
    }))
    assert.equal(verdictOf(rejecting, { document: tolerant(3) }).kind, 'publish')
    const verdict = verdictOf(rejecting, { document: tolerant(2) })
    assert.equal(verdict.kind === 'giveUp' && verdict.failure.code, 'BAD_INPUT')
  })

  test('is empty where the file is, and published', () => {
    assert.equal(verdictOf([], { document: documentOf(0) }).kind, 'publish')
  })

  test('leads to another with those that have no record, whoever forgot them', () => {
    const verdict = verdictOf(done.slice(0, 2))
    assert.deepEqual(verdict.kind === 'again' && verdict.assignments, [
      { partition: 2, start: 210, end: 310 },
    ])
  })
})

describe('a run that went through all of its rounds', () => {
  const again = (forgivenRound?: number): Verdict => {
    const forgiven = forgivenRound === undefined ? {} : { forgivenRound }
    const run = runOf({ round: roundsMax + 1, ...forgiven })
    const lost = { ...failed(1, 'SPOT_RECLAIMED'), round: roundsMax + 1 }
    const failures = lost.failures?.map(failure => ({ ...failure, round: roundsMax + 1 })) ?? []
    return verdictOf([succeeded(0, [10, 110]), { ...lost, failures }, succeeded(2, [210, 310])], { run })
  }

  test('gives up', () => {
    const verdict = again()
    assert.equal(verdict.kind === 'giveUp' && verdict.failure.code, 'ROUNDS_EXHAUSTED')
  })

  test('has as many more once a person has retried it', () => {
    assert.equal(again(roundsMax).kind, 'again')
  })
})

describe('what is left unread', () => {
  const left = (at: number): PartitionRecord[] => {
    const [first, one, last] = done.map(record => record)
    const { report, ...record } = one ?? succeeded(1)
    const counts = { recordsRead: 1, recordsRejected: 0, recordsWritten: 1, outputs: [] }
    const rest = { at, why: 'notice' as const }
    const leaving = { ...counts, ...report, range: { start: 110, end: at }, rest }
    return [first ?? record, { ...record, report: leaving }, last ?? record]
  }
  const given = (verdict: Verdict) =>
    verdict.kind === 'again' ? verdict.resplits.map(({ at, end }) => [at, end]) : verdict.kind

  test('is given to a new partition', () => {
    assert.deepEqual(given(verdictOf(left(150))), [[150, 210]])
  })

  test('is no more proven of its start than what was read was of its own', () => {
    const hintOf = (told: Partial<Assignment>) => {
      const assignments = new Map([[1, { partition: 1, start: 110, end: 210, ...told }]])
      const verdict = verdictOf(left(150), { assignments })
      return verdict.kind === 'again' ? verdict.resplits[0]?.hint : verdict.kind
    }
    const guessed = { exactStart: 150, unproven: true }
    assert.deepEqual(hintOf({}), guessed)
    assert.deepEqual(hintOf({ exactStart: 110, unproven: true }), guessed)
    for (const proof of [{ exactStart: 110 }, { scanFrom: 10 }])
      assert.deepEqual(hintOf(proof), { exactStart: 150 })
  })

  test('is not given away beside what is decided for the next round already', () => {
    const begun = [{ partition: 0, at: 60, end: 110, first: 3, shares: 1, depth: 1 }]
    assert.deepEqual(given(verdictOf(left(150), { begun })), [[60, 110]])
    assert.deepEqual(given(verdictOf(left(150), { begun: [] })), [])
  })

  test('is not given away where it lies before the partition: its number stood for another part once', () => {
    assert.deepEqual(given(verdictOf(left(60))), [])
  })
})

describe('a round in which many run out of memory', () => {
  const many = 10
  const all = (partitions: number, partitionBytes = 100): Verdict => {
    const document = { ...documentOf(partitions), partitionBytes }
    const lost = Array.from({ length: partitions }, (_, at) => failed(at, 'OUT_OF_MEMORY'))
    return verdictOf(lost, { document, run: runOf({ partitions }) })
  }

  test('cuts all of them', () => {
    const verdict = all(many)
    assert.equal(verdict.kind === 'again' && verdict.partitions, many * quarters)
  })

  test('cuts no more of them together than each alone might be', () => {
    const partitions = 2000
    const document = documentOf(partitions)
    const grown = Array.from({ length: partitions }, (_, partition) => {
      const { start, end } = new PartitionPlan(document).planned(partition)
      const at = start + Math.floor((end - start) / quarters)
      return { partition, at, end, first: partitions + partition * 3, shares: 3, depth: 1 }
    })
    const plan = new PartitionPlan(document, grown)
    const lost = Array.from({ length: plan.count }, (_, at) => failed(at, 'OUT_OF_MEMORY'))
    const run = runOf({ partitions: plan.count })
    const verdict = verdictOf(lost, { document, resplits: grown, run })
    const most = partitions * partitionsGrowthMax + partitionsGrowthFree
    assert.ok(verdict.kind === 'again' && verdict.partitions > plan.count && verdict.partitions <= most)
  })
})

describe('a round with a failure', () => {
  test('leads to another with only what failed', () => {
    const verdict = afterFailures(['TEMPORARY'])
    assert.deepEqual(verdict.kind === 'again' && verdict.assignments, [
      { partition: 1, start: 110, end: 210 },
    ])
  })

  test("keeps what was proven of a partition's start", () => {
    const proven = { partition: 1, start: 110, end: 210, exactStart: 113 }
    const verdict = afterFailures(['TEMPORARY'], { assignments: new Map([[1, proven]]) })
    assert.deepEqual(verdict.kind === 'again' && verdict.assignments, [proven])
  })

  test('waits twice as long after each, with jitter from a half upwards, and a bound', () => {
    const document = documentOf(3, pipelineOf({ retry: { attempts: 10, backoffSeconds: 30 } }))
    const after = (times: number, random: number): number | undefined =>
      delayOf(
        afterFailures(
          Array.from({ length: times }, () => 'TEMPORARY' as const),
          { document, random },
        ),
      )
    assert.deepEqual([after(1, 0), after(1, 1), after(2, 0), after(3, 0)], [15_000, 30_000, 30_000, 60_000])
    assert.equal(after(9, 1), 15 * 60 * 1000)
  })

  test('does not wait where only the machine was taken', () => {
    assert.equal(delayOf(afterFailures(['SPOT_RECLAIMED'])), 0)
  })

  test('gives up once the tries are used, and not before', () => {
    assert.equal(afterFailures(['TEMPORARY', 'APPLICATION']).kind, 'again')
    const verdict = afterFailures(['TEMPORARY', 'APPLICATION', 'TEMPORARY'])
    assert.equal(verdict.kind === 'giveUp' && verdict.failure.code, 'TEMPORARY')
    assert.match(verdict.kind === 'giveUp' ? verdict.failure.words : '', /partition 1: .*: because TEMPORARY/)
  })

  test('gives up at once where trying again cannot help', () => {
    for (const code of ['BAD_INPUT', 'SOURCE_CHANGED', 'UNSCHEDULABLE', 'CANCELLED'] as const) {
      const verdict = afterFailures([code])
      assert.equal(verdict.kind === 'giveUp' && verdict.failure.code, code)
    }
  })

  test('does not count reclaims and wrong cuts as tries', () => {
    const free = Array.from({ length: 12 }, () => 'SPOT_RECLAIMED' as const)
    assert.equal(afterFailures([...free, 'MISCUT', 'TEMPORARY']).kind, 'again')
  })

  test('does not count what a person has forgiven', () => {
    const run = runOf({ round: 4, forgivenRound: 3 })
    assert.equal(
      afterFailures(['APPLICATION', 'APPLICATION', 'BAD_INPUT', 'TEMPORARY'], { run }).kind,
      'again',
    )
  })

  test('gives up after the last round there may be', () => {
    const [before, last] = [roundsMax - 1, roundsMax].map(round => ({ run: runOf({ round }) }))
    assert.equal(afterFailures(['SPOT_RECLAIMED'], before).kind, 'again')
    const verdict = afterFailures(['SPOT_RECLAIMED'], last)
    assert.equal(verdict.kind === 'giveUp' && verdict.failure.code, 'ROUNDS_EXHAUSTED')
  })
})
