/** A round ended: publish, go on with only the failed partitions, or give up. Pure. */
import { type Certificate, certificateOf } from './certificate.ts'
import { type Assignment, type RunDocument, stageBase } from './documents.ts'
import { failureRules } from './failure.ts'
import { type MergeTask, mergesOf } from './merge.ts'
import { isRefusal, type Refusal } from './plan/refusal.ts'
import { planPieces } from './plan/split.ts'
import type { Failure, PartitionRecord, RunRecord } from './records.ts'
import { roundsMax } from './records.ts'
import { plannedTask, stageOf, taskCount, taskName } from './stages.ts'
import { type Miscut, miscuts } from './tiling.ts'
import { PartitionState, Stage } from './vocabulary.ts'

const backoffMsMax = 15 * 60 * 1000
/** From this round on, what lies right of the proven part is scanned, no longer guessed. */
const guessesTrustedRounds = 3

export interface RoundFacts {
  run: RunRecord
  document: RunDocument
  /** What this round was told to work, by task. */
  assignments: ReadonlyMap<number, Assignment>
  /** What round 1 was told, where no arithmetic cuts the partitions. */
  planned?: ReadonlyMap<number, Assignment>
  /** Every partition of the run that has a record, in order. */
  partitions: readonly PartitionRecord[]
  /** Likewise the tasks of the run's stage, where that is not work. */
  tasks?: readonly PartitionRecord[]
  stateBucket: string
  outputBucket: string
  now: string
  /** From 0 up to 1. */
  random: number
}

export type Verdict =
  | { kind: 'publish'; certificate: Certificate }
  | { kind: 'again'; assignments: Assignment[]; miscut: Miscut[]; delayMs: number }
  /** The split stage is done: the run as its work stage sees it. */
  | { kind: 'work'; document: RunDocument }
  | { kind: 'merge'; tasks: MergeTask[] }
  | { kind: 'giveUp'; failure: Refusal }
  /** The input as a whole cannot be taken. */
  | { kind: 'refuse'; failure: Refusal }

export function settleRound(facts: RoundFacts): Verdict {
  const stage = stageOf(facts.run)
  const tasks = facts.tasks ?? facts.partitions
  const failed = tasks.filter(({ state }) => state !== PartitionState.SUCCEEDED)
  const refused = failed.map(task => refusalOf(task, facts)).find(refusal => refusal !== undefined)
  if (refused) return { kind: 'refuse', failure: refused }
  const hopeless = failed.find(partition => isHopeless(partition, facts))
  if (hopeless) return { kind: 'giveUp', failure: giveUpWords(hopeless, failed.length) }
  const missing = withoutRecord(facts, stage, tasks)
  if (failed.length + missing.length > 0) return again(facts, failed, [], missing)
  if (stage === Stage.split) return planWork(facts, tasks)
  return stage === Stage.merge ? publish(facts, tasks) : prove(facts)
}

/** An interrupted settle may have left pages that name other tasks than those its round was then opened for. */
function withoutRecord(
  { run, document }: RoundFacts,
  stage: Stage,
  tasks: readonly PartitionRecord[],
): number[] {
  const count = stage === Stage.work ? document.partitions : taskCount(run, stage)
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

function prove(facts: RoundFacts): Verdict {
  const { document, partitions, planned, run } = facts
  const distrust = run.round >= guessesTrustedRounds
  const wrong = miscuts(document, partitions, distrust, task => plannedTask(document, task, planned))
  if (wrong.length > 0) return again(facts, [], wrong)
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

function again(
  facts: RoundFacts,
  failed: readonly PartitionRecord[],
  miscut: Miscut[],
  missing: readonly number[] = [],
): Verdict {
  if (facts.run.round >= roundsMax) {
    return {
      kind: 'giveUp',
      failure: {
        code: 'ROUNDS_EXHAUSTED',
        words: `after ${roundsMax} rounds ${failed.length + miscut.length + missing.length} partitions are still not done`,
        remedy: 'Look at the partitions with `millrace show`, then retry the run.',
      },
    }
  }
  const open = [...failed.map(({ partition }) => partition), ...missing].toSorted((a, b) => a - b)
  const repeated = open.map(task => assignmentOf(facts, task))
  return {
    kind: 'again',
    assignments: [...repeated, ...miscut.map(({ assignment }) => assignment)],
    miscut,
    delayMs: backoffMs(facts, failed),
  }
}

/** A partition outside this round is one whose success an interrupted settle took back: its page is written. */
function assignmentOf({ assignments, planned, document }: RoundFacts, task: number): Assignment {
  return assignments.get(task) ?? plannedTask(document, task, planned)
}

function countedFailures(partition: PartitionRecord, run: RunRecord): Failure[] {
  return (partition.failures ?? []).filter(
    ({ code, round }) => failureRules[code].costsAttempt && round > (run.forgivenRound ?? 0),
  )
}

function isHopeless(partition: PartitionRecord, { run, document }: RoundFacts): boolean {
  const last = partition.failures?.at(-1)
  if (last === undefined || last.round <= (run.forgivenRound ?? 0)) return false
  const exhausted = countedFailures(partition, run).length >= document.pipeline.retry.attempts
  return failureRules[last.code].retry === 'never' || exhausted
}

function giveUpWords(partition: PartitionRecord, failed: number): Refusal {
  const last = partition.failures?.at(-1)
  if (last === undefined)
    throw new TypeError(`partition ${partition.partition} is hopeless without a failure`)
  const rule = failureRules[last.code]
  const others = failed > 1 ? ` (and ${failed - 1} more partitions are not done)` : ''
  return {
    code: last.code,
    words: `${taskName(partition.partition)}: ${rule.words}: ${last.reason}${others}`,
    remedy: rule.remedy,
  }
}

function beyondTolerance({ document, partitions }: RoundFacts): Refusal | undefined {
  const rejected = partitions.reduce((total, { report }) => total + (report?.recordsRejected ?? 0), 0)
  const tolerated = document.pipeline.tolerate.rejectedRecords
  if (rejected <= tolerated) return undefined
  return {
    code: 'BAD_INPUT',
    words: `${rejected} records were rejected, ${tolerated} are tolerated`,
    remedy: `Read them with \`millrace show ${document.runId}\`, correct the file and drop it again, or raise tolerate.rejectedRecords.`,
  }
}

/** Exponential, with full jitter upwards of a half, so that partitions of many runs do not come back together. */
function backoffMs({ run, document, random }: RoundFacts, failed: readonly PartitionRecord[]): number {
  const waits = failed.some(({ failures }) => {
    const last = failures?.at(-1)
    return last !== undefined && failureRules[last.code].retry === 'back off'
  })
  if (!waits) return 0
  const longest = Math.max(...failed.map(partition => countedFailures(partition, run).length), 1)
  const ceilingMs = Math.min(document.pipeline.retry.backoffSeconds * 1000 * 2 ** (longest - 1), backoffMsMax)
  return Math.round(ceilingMs * (0.5 + random / 2))
}
