/** The failure ladder: what is done about a partition, by what became of its attempts. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Assignment } from '../../shared/documents.ts'
import { type FailureCode, failureCodes, failureRules } from '../../shared/failure.ts'
import { depthMax, type LadderFacts, mayGrow, nextStep, quartered } from '../../shared/ladder.ts'
import { PartitionPlan } from '../../shared/partition-plan.ts'
import type { PipelineInput } from '../../shared/pipeline.ts'
import type { Claim, PartitionRecord } from '../../shared/records.ts'
import { remedyOf } from '../../shared/remedy.ts'
import { Stage } from '../../shared/vocabulary.ts'
import { documentOf, failed, pipelineOf, runOf, time } from './given.ts'

const told: Assignment = { partition: 1, start: 110, end: 210 }

function factsOf(more: Partial<LadderFacts> = {}, given: Partial<PipelineInput> = {}): LadderFacts {
  const document = documentOf(3, pipelineOf(given))
  return { run: runOf(), document, plan: new PartitionPlan(document), begun: false, ...more }
}

/** Cut so often already. */
function cutTo(depth: number): LadderFacts {
  const { document } = factsOf()
  const resplit = { partition: 1, at: 210, end: 210, first: 3, shares: 1, depth }
  return factsOf({ plan: new PartitionPlan(document, [resplit]) })
}

const claims = (count: number): Claim[] =>
  Array.from({ length: count }, (_, at) => ({
    round: 1,
    fence: at + 1,
    jobId: 'j',
    jobAttempt: at + 1,
    at: time,
  }))

describe('a partition that failed', () => {
  for (const code of failureCodes.filter(code => failureRules[code].retry === 'never')) {
    test(`is hopeless at once: ${code}`, () => {
      assert.deepEqual(nextStep(failed(1, code), told, factsOf()), { kind: 'hopeless' })
    })
  }

  for (const code of ['TEMPORARY', 'INFRASTRUCTURE'] as const) {
    test(`is repeated as it is until its attempts are used up: ${code}`, () => {
      const twice = failed(1, code, code)
      assert.deepEqual(nextStep(twice, told, factsOf()), { kind: 'repeat', assignment: told })
      assert.deepEqual(nextStep(failed(1, code, code, code), told, factsOf()), { kind: 'hopeless' })
    })
  }

  for (const code of ['APPLICATION', 'UNKNOWN'] as const) {
    test(`is worked once more with care when its attempts are used up, and then no more: ${code}`, () => {
      const thrice = failed(1, code, code, code)
      const careful = { ...told, careful: true as const }
      assert.deepEqual(nextStep(thrice, told, factsOf()), { kind: 'repeat', assignment: careful })
      assert.deepEqual(nextStep(thrice, careful, factsOf()), { kind: 'hopeless' })
    })
  }

  test('keeps its one careful attempt where Spot takes that, which costs nothing', () => {
    const careful = { ...told, careful: true as const }
    const codes: FailureCode[] = ['APPLICATION', 'APPLICATION', 'APPLICATION', 'SPOT_RECLAIMED']
    assert.deepEqual(nextStep(failed(1, ...codes), careful, factsOf()), {
      kind: 'repeat',
      assignment: careful,
    })
  })

  test('is hopeless at once where it says itself that another try would end the same', () => {
    const record = failed(1, 'APPLICATION')
    const failures = record.failures?.map(failure => ({ ...failure, final: true as const })) ?? []
    assert.deepEqual(nextStep({ ...record, failures }, told, factsOf()), { kind: 'hopeless' })
  })

  test("begins anew after a person's retry", () => {
    const facts = factsOf({ run: runOf({ round: 3, forgivenRound: 3 }) })
    const record = failed(1, 'BAD_INPUT', 'BAD_INPUT', 'BAD_INPUT')
    assert.deepEqual(nextStep(record, told, facts), { kind: 'repeat', assignment: told })
  })
})

describe('a partition that ran out of memory, or of time', () => {
  for (const code of ['OUT_OF_MEMORY', 'TIMED_OUT'] as const) {
    test(`is cut in quarters, and costs no attempt: ${code}`, () => {
      const often = failed(1, code, code, code, code)
      assert.equal(nextStep(often, told, factsOf()).kind, 'quarter')
    })
  }

  test('gives three quarters of what it has to new ones', () => {
    const { at, end, shares, depth } = quartered(told, 0)
    assert.deepEqual({ at, end, shares, depth }, { at: 135, end: 210, shares: 3, depth: 1 })
  })

  test('that starts later than planned is cut behind its real start', () => {
    assert.equal(quartered({ ...told, exactStart: 170 }, 0).at, 180)
  })

  test('is given twice the memory where it cannot be cut any smaller, up to the cap and no further', () => {
    const record = failed(1, 'OUT_OF_MEMORY')
    const given = [2048, 4096, 8192].map(memoryMiB => {
      const lane = memoryMiB === 2048 ? {} : { lane: { memoryMiB } }
      const step = nextStep(record, { ...told, ...lane }, cutTo(depthMax))
      return step.kind === 'repeat' ? step.assignment.lane?.memoryMiB : step.kind
    })
    assert.deepEqual(given, [4096, 8192, 'hopeless'])
  })

  test('is given twice the time once', () => {
    const step = nextStep(failed(1, 'TIMED_OUT'), told, cutTo(depthMax))
    assert.deepEqual(step.kind === 'repeat' && step.assignment.lane, { timeoutMinutes: 120 })
    const again = nextStep(
      failed(1, 'TIMED_OUT'),
      { ...told, lane: { timeoutMinutes: 120 } },
      cutTo(depthMax),
    )
    assert.equal(again.kind, 'hopeless')
  })

  test('cannot be cut in another stage than work, nor where its source is read from the start', () => {
    const merging = factsOf({ run: runOf({ stage: Stage.merge }) })
    assert.equal(nextStep(failed(1, 'OUT_OF_MEMORY'), told, merging).kind, 'repeat')
    const { document } = factsOf()
    const whole = factsOf({ document: { ...document, layout: { ...document.layout, space: 'whole' } } })
    assert.equal(nextStep(failed(1, 'OUT_OF_MEMORY'), told, whole).kind, 'repeat')
  })

  test('cannot multiply its run without end', () => {
    const { document } = factsOf()
    const many = { partition: 0, at: 10, end: 110, first: 3, shares: 1009, depth: 0 }
    assert.equal(mayGrow(document, new PartitionPlan(document), 1009), true)
    assert.equal(mayGrow(document, new PartitionPlan(document, [many]), 3), false)
  })
})

describe('a partition that Spot takes back', () => {
  const reclaimed = (times: number): PartitionRecord => ({
    ...failed(1, 'SPOT_RECLAIMED'),
    // The last of them is told by the failure.
    claims: claims(times),
  })

  test('stays on Spot, and costs no attempt, until it was taken as often as the pipeline allows', () => {
    const facts = factsOf({}, { retry: { attempts: 1, reclaimsOnSpot: 4 } })
    assert.deepEqual(nextStep(reclaimed(3), told, facts), { kind: 'repeat', assignment: told })
  })

  test('then goes on with on-demand capacity, and stays there', () => {
    const facts = factsOf({}, { retry: { reclaimsOnSpot: 4 } })
    const moved = { ...told, lane: { onDemand: true as const } }
    assert.deepEqual(nextStep(reclaimed(4), told, facts), { kind: 'repeat', assignment: moved })
    assert.deepEqual(nextStep(reclaimed(5), moved, facts), { kind: 'repeat', assignment: moved })
  })
})

describe('what Batch has no place for', () => {
  for (const [reason, setting] of [
    ['MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE', /maxvCpus/],
    ['MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT', /job\.vcpus or job\.memoryMiB/],
    ['MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS', /AWSServiceRoleForBatch/],
    ['CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY', /instance types/],
    ['ACTION_REQUIRED - CE(s) associated with the job queue are invalid.', /compute environment/],
  ] as const) {
    test(`names the very setting to change: ${reason}`, () => {
      const words = `Canceled by JobStateTimeLimit action due to reason: ${reason}`
      assert.match(remedyOf('UNSCHEDULABLE', words), setting)
    })
  }

  test('has its general advice for a reason that nobody knows', () => {
    assert.equal(remedyOf('UNSCHEDULABLE', 'x'), failureRules.UNSCHEDULABLE.remedy)
  })
})
