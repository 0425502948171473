/** What is done about a partition that has failed: the failure ladder, one step at a time. Pure. */
import { setbacks } from './certificate.ts'
import type { Assignment, Resplit, RunDocument } from './documents.ts'
import { failureRules } from './failure.ts'
import type { PartitionPlan } from './partition-plan.ts'
import type { Failure, Lane, PartitionRecord, RunRecord } from './records.ts'
import { stageOf } from './stages.ts'
import { Stage } from './vocabulary.ts'

/** Cut into so many for want of memory or time, and so many times: a 256th of it at the end. */
export const quarters = 4
export const depthMax = 4
/** What a straggler has left is given to so many. */
export const stragglerShares = 4
/** How far resplits may grow a run's number of partitions. */
export const partitionsGrowthMax = 4
export const partitionsGrowthFree = 1000
const memoryGrowthMax = 4
const timeoutGrowth = 2

export interface LadderFacts {
  run: RunRecord
  document: RunDocument
  plan: PartitionPlan
  /** New partitions that others of this round are cut into. */
  growing?: number
  /** Resplits of this very round are decided already: none is added. */
  begun: boolean
}

export type Step =
  | { kind: 'repeat'; assignment: Assignment }
  | { kind: 'quarter'; assignment: Assignment }
  | { kind: 'hopeless' }

/** `last`: what the partition was told in the round that failed. */
export function nextStep(partition: PartitionRecord, last: Assignment, facts: LadderFacts): Step {
  const failure = lastFailure(partition, facts.run)
  if (failure === undefined) return { kind: 'repeat', assignment: last }
  const { retry, beyond } = failureRules[failure.code]
  if (retry === 'never' || failure.final) return { kind: 'hopeless' }
  if (beyond === 'memory' || beyond === 'time') return enlarge(beyond, last, facts)
  if (failureRules[failure.code].costsAttempt && isExhausted(partition, facts)) {
    return beyond === 'bisect' ? bisect(last, facts) : { kind: 'hopeless' }
  }
  return { kind: 'repeat', assignment: onCapacity(partition, last, facts) }
}

/** Of those that count: a person's retry forgives what was before. */
export function lastFailure({ failures }: PartitionRecord, run: RunRecord): Failure | undefined {
  const last = failures?.at(-1)
  return last !== undefined && last.round > (run.forgivenRound ?? 0) ? last : undefined
}

/** Those that used up an attempt. */
export function countedFailures({ failures = [] }: PartitionRecord, run: RunRecord): Failure[] {
  return failures.filter(
    ({ code, round }) => failureRules[code].costsAttempt && round > (run.forgivenRound ?? 0),
  )
}

function isExhausted(partition: PartitionRecord, { run, document }: LadderFacts): boolean {
  return countedFailures(partition, run).length >= document.pipeline.retry.attempts
}

/** Once: an attempt that isolates the work, and so outlives what the record does to it. */
function bisect(last: Assignment, { run }: LadderFacts): Step {
  if (last.careful || stageOf(run) !== Stage.work) return { kind: 'hopeless' }
  return { kind: 'repeat', assignment: { ...last, careful: true } }
}

function enlarge(what: 'memory' | 'time', last: Assignment, facts: LadderFacts): Step {
  if (isCuttable(last, facts)) return { kind: facts.begun ? 'repeat' : 'quarter', assignment: last }
  const lane = what === 'memory' ? withMemory(last.lane, facts) : withTime(last.lane, facts)
  return lane ? { kind: 'repeat', assignment: { ...last, lane } } : { kind: 'hopeless' }
}

function isCuttable(told: Assignment, facts: LadderFacts): boolean {
  const { partition, end } = told
  const { run, document, plan, growing = 0 } = facts
  if (stageOf(run) !== Stage.work || document.layout.space === 'whole') return false
  // A multi-node job each: more of them is no way to need less.
  if (document.pipeline.job.nodes !== undefined) return false
  return (
    end - firstByte(told) >= quarters &&
    plan.depth(partition) < depthMax &&
    mayGrow(document, plan, growing + quarters - 1)
  )
}

/** Where its first record may begin at the earliest. */
function firstByte({ start, end, exactStart = start }: Assignment): number {
  return Math.min(Math.max(start, exactStart), end)
}

/** Every run ends: what is cut ever smaller does not multiply without end. */
export function mayGrow({ partitions }: RunDocument, { count }: PartitionPlan, by: number): boolean {
  return count + by <= partitions * partitionsGrowthMax + partitionsGrowthFree
}

function withMemory(lane: Lane | undefined, { document }: LadderFacts): Lane | undefined {
  const { memoryMiB, memoryMiBMax = memoryMiB * memoryGrowthMax } = document.pipeline.job
  const given = lane?.memoryMiB ?? memoryMiB
  return given >= memoryMiBMax ? undefined : { ...lane, memoryMiB: Math.min(memoryMiBMax, 2 * given) }
}

function withTime(lane: Lane | undefined, { document }: LadderFacts): Lane | undefined {
  if (lane?.timeoutMinutes !== undefined) return undefined
  return { ...lane, timeoutMinutes: document.pipeline.job.timeoutMinutes * timeoutGrowth }
}

function onCapacity(partition: PartitionRecord, last: Assignment, { document }: LadderFacts): Assignment {
  const reclaims = setbacks(partition).filter(({ code }) => code === 'SPOT_RECLAIMED').length
  if (last.lane?.onDemand || reclaims < document.pipeline.retry.reclaimsOnSpot) return last
  return { ...last, lane: { ...last.lane, onDemand: true } }
}

/** Keeps the first quarter, and gives the others away. */
export function quartered(told: Assignment, depth: number): Resplit {
  const { partition, end, scanFrom, scanWithin } = told
  const from = firstByte(told)
  const hint =
    scanFrom === undefined ? undefined : { scanFrom, ...(scanWithin === undefined ? {} : { scanWithin }) }
  return {
    partition,
    at: from + Math.floor((end - from) / quarters),
    end,
    first: 0,
    shares: quarters - 1,
    depth: depth + 1,
    ...(hint ? { hint } : {}),
  }
}
