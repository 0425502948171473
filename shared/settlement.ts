/** A round ended: publish, go on with only the failed partitions, or give up. Pure. */
import { backoffMs } from './backoff.ts'
import { certificateOf } from './certificate.ts'
import { type Assignment, type Resplit, type RunDocument, stageBase } from './documents.ts'
import { failureRules } from './failure.ts'
import type { LadderFacts } from './ladder.ts'
import { mergesOf } from './merge.ts'
import { PartitionPlan } from './partition-plan.ts'
import { isRefusal, type Refusal } from './plan/refusal.ts'
import { planPieces } from './plan/split.ts'
import type { PartitionRecord } from './records.ts'
import { roundsMax } from './records.ts'
import { restsOf, type Stepped, stepped } from './resplit.ts'
import { plannedTask, stageOf, taskCount } from './stages.ts'
import { whyDoomed } from './stopping.ts'
import { type Miscut, miscuts } from './tiling.ts'
import type { RoundFacts, Verdict } from './verdict.ts'
import { PartitionState, Stage } from './vocabulary.ts'

/** From this round on, what lies right of the proven part is scanned, no longer guessed. */
const guessesTrustedRounds = 3

interface Settling extends RoundFacts {
  plan: PartitionPlan
}

export function settleRound(given: RoundFacts): Verdict {
  const { document, resplits = [], begun = [], planned } = given
  const plan = new PartitionPlan(document, [...resplits, ...begun], planned)
  const facts = { ...given, plan, partitions: plan.inOrder(given.partitions) }
  const stage = stageOf(facts.run)
  const tasks = facts.tasks ?? facts.partitions
  const failed = tasks.filter(({ state }) => state !== PartitionState.SUCCEEDED)
  const refused = failed.map(task => refusalOf(task, facts)).find(refusal => refusal !== undefined)
  if (refused) return { kind: 'refuse', failure: refused }
  const { stopping } = facts.run
  if (stopping) return { kind: stopping.code === 'CANCELLED' ? 'cancel' : 'giveUp', failure: stopping }
  const steps = climbAll(failed, facts)
  const hopeless = steps.find(({ step }) => step.kind === 'hopeless')
  if (hopeless) return { kind: 'giveUp', failure: giveUpWords(hopeless.record, failed.length) }
  const missing = withoutRecord(facts, stage, tasks)
  const rests = stage === Stage.work ? restsOf(facts.partitions, facts.assignments, plan, document) : []
  if (failed.length + missing.length + rests.length > 0) return again(facts, { steps, missing, rests })
  if (stage === Stage.split) return planWork(facts, tasks)
  return stage === Stage.merge ? publish(facts, tasks) : prove(facts)
}

function climbAll(failed: readonly PartitionRecord[], facts: Settling): Stepped[] {
  const { run, document, plan, begun } = facts
  let growing = 0
  return failed.map(record => {
    const ladder: LadderFacts = { run, document, plan, growing, begun: begun !== undefined }
    const step = stepped(record, toldLast(facts, record.partition), ladder)
    growing += step.resplit?.shares ?? 0
    return step
  })
}

/** An interrupted settle may have left pages that name other tasks than those its round was then opened for. */
function withoutRecord({ run, plan }: Settling, stage: Stage, tasks: readonly PartitionRecord[]): number[] {
  const count = stage === Stage.work ? plan.count : taskCount(run, stage)
  if (tasks.length === count) return []
  const known = new Set(tasks.map(({ partition }) => partition))
  const all = Array.from({ length: count }, (_, at) => stageBase[stage] + at)
  return all.filter(task => !known.has(task))
}

function refusalOf({ failures }: PartitionRecord, { run }: RoundFacts): Refusal | undefined {
  const last = failures?.at(-1)
  if (last?.refusal === undefined || last.round <= (run.forgivenRound ?? 0)) return undefined
  return { code: last.refusal, words: last.reason, remedy: last.remedy ?? failureRules[last.code].remedy }
}

function planWork({ document, stateBucket }: RoundFacts, [task]: readonly PartitionRecord[]): Verdict {
  const split = task?.report?.split
  if (split === undefined) throw new TypeError('the split stage SUCCEEDED without its report')
  const planned = planPieces(document, split, stateBucket)
  return isRefusal(planned) ? { kind: 'refuse', failure: planned } : { kind: 'work', document: planned }
}

function prove(facts: Settling): Verdict {
  const { document, partitions, plan, run } = facts
  const wrong = miscuts(document, partitions, run.round >= guessesTrustedRounds, plan)
  if (wrong.length > 0) return again(facts, { miscut: wrong })
  // Not before the cuts are proven: what a wrong guess rejected may be sound.
  const intolerable = beyondTolerance(facts)
  if (intolerable) return { kind: 'giveUp', failure: intolerable }
  const tasks = mergesOf(document, partitions)
  return tasks.length > 0 ? { kind: 'merge', tasks } : publish(facts, [])
}

function publish(facts: RoundFacts, merged: readonly PartitionRecord[]): Verdict {
  const { document, partitions, run, outputBucket, now } = facts
  const merges = mergesOf(document, partitions).flatMap((task, at) => {
    const record = merged[at]
    return record ? [{ task, record }] : []
  })
  const certificate = certificateOf(document, partitions, run.round, outputBucket, now, merges)
  return { kind: 'publish', certificate }
}

interface Outstanding {
  steps?: readonly Stepped[]
  miscut?: Miscut[]
  missing?: readonly number[]
  rests?: readonly Resplit[]
}

function again(facts: Settling, open: Outstanding): Verdict {
  const { steps = [], miscut = [], missing = [], rests = [] } = open
  const { document, resplits = [], begun = [], planned } = facts
  if (facts.run.round - (facts.run.forgivenRound ?? 0) >= roundsMax)
    return exhausted(steps.length + miscut.length + missing.length + rests.length)
  const wanted = [...steps.flatMap(({ resplit }) => resplit ?? []), ...rests]
  // What is decided for the next round stays: who left off since is heard at its end.
  const made = facts.begun === undefined ? numbered(wanted, facts.plan.count) : []
  const plan = new PartitionPlan(document, [...resplits, ...begun, ...made], planned)
  const added = Array.from({ length: plan.count - facts.plan.count }, (_, at) => facts.plan.count + at)
  const repeated = steps.flatMap(({ step }) => ('assignment' in step ? step.assignment : []))
  const unknown = missing.map(task => facts.assignments.get(task) ?? firstOf(document, plan, task))
  const outstanding = [...repeated, ...unknown].toSorted((a, b) => a.partition - b.partition)
  const shares = added.map(task => plan.first(task))
  return {
    kind: 'again',
    assignments: [...outstanding, ...shares, ...miscut.map(({ assignment }) => assignment)],
    miscut,
    resplits: [...begun, ...made],
    partitions: plan.count,
    delayMs: backoffMs(
      facts,
      steps.map(({ record }) => record),
    ),
  }
}

function exhausted(left: number): Verdict {
  return {
    kind: 'giveUp',
    failure: {
      code: 'ROUNDS_EXHAUSTED',
      words: `after ${roundsMax} rounds ${left} partitions are still not done`,
      remedy: 'Look at the partitions with `millrace show`, then retry the run.',
    },
  }
}

/** Each takes the numbers behind those of the one before. */
function numbered(resplits: readonly Resplit[], first: number): Resplit[] {
  let next = first
  return resplits.map(resplit => {
    const own = { ...resplit, first: next }
    next += resplit.shares
    return own
  })
}

function firstOf(document: RunDocument, plan: PartitionPlan, task: number): Assignment {
  return task < stageBase.merge ? plan.first(task) : plannedTask(document, task)
}

/** A partition outside this round is one whose success an interrupted settle took back: its page is written. */
function toldLast({ assignments, document, plan }: Settling, task: number): Assignment {
  return assignments.get(task) ?? firstOf(document, plan, task)
}

function giveUpWords(partition: PartitionRecord, failed: number): Refusal {
  const last = partition.failures?.at(-1)
  if (last === undefined)
    throw new TypeError(`partition ${partition.partition} is hopeless without a failure`)
  const why = whyDoomed(partition.partition, last)
  const others = failed > 1 ? ` (and ${failed - 1} more partitions are not done)` : ''
  return { ...why, words: `${why.words}${others}` }
}

function beyondTolerance({ document, partitions }: RoundFacts): Refusal | undefined {
  const rejected = partitions.reduce((total, { report }) => total + (report?.recordsRejected ?? 0), 0)
  const tolerated = document.pipeline.tolerate.rejectedRecords
  if (rejected <= tolerated) return undefined
  return {
    code: 'BAD_INPUT',
    words: `${rejected} records were rejected, ${tolerated} are tolerated`,
    remedy: `Read them with \`millrace reject list ${document.runId}\`, correct the file, or raise tolerate.rejectedRecords, and drop it again.`,
  }
}
