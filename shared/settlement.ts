/** A round ended: publish, go on with only the failed partitions, or give up. Pure. */
import { type Certificate, certificateOf } from './certificate.ts'
import type { Assignment, RunDocument } from './documents.ts'
import { failureRules } from './failure.ts'
import { cut } from './plan.ts'
import type { Failure, PartitionRecord, RunRecord } from './records.ts'
import { roundsMax } from './records.ts'
import { type Miscut, miscuts } from './tiling.ts'
import { PartitionState } from './vocabulary.ts'

const backoffMsMax = 15 * 60 * 1000
/** From this round on, what lies right of the proven part is scanned, no longer guessed. */
const guessesTrustedRounds = 3

export interface RoundFacts {
  run: RunRecord
  document: RunDocument
  /** What this round was told to work, by partition. */
  assignments: ReadonlyMap<number, Assignment>
  /** Every partition of the run that has a record, in order. */
  partitions: readonly PartitionRecord[]
  outputBucket: string
  now: string
  /** From 0 up to 1. */
  random: number
}

export type Verdict =
  | { kind: 'publish'; certificate: Certificate }
  | { kind: 'again'; assignments: Assignment[]; miscut: Miscut[]; delayMs: number }
  | { kind: 'giveUp'; failure: { code: string; words: string; remedy: string } }

export function settleRound(facts: RoundFacts): Verdict {
  const failed = facts.partitions.filter(({ state }) => state !== PartitionState.SUCCEEDED)
  const hopeless = failed.find(partition => isHopeless(partition, facts))
  if (hopeless) return { kind: 'giveUp', failure: giveUpWords(hopeless, failed.length) }
  if (failed.length > 0) return again(facts, failed, [])
  const missing = facts.document.partitions - facts.partitions.length
  if (missing > 0) throw new TypeError(`${missing} partitions have no record`)
  return proveAndPublish(facts)
}

function proveAndPublish(facts: RoundFacts): Verdict {
  const { document, partitions, run, outputBucket, now } = facts
  const wrong = miscuts(document, partitions, run.round >= guessesTrustedRounds)
  if (wrong.length > 0) return again(facts, [], wrong)
  // Not before the cuts are proven: what a wrong guess rejected may be sound.
  const intolerable = beyondTolerance(facts)
  if (intolerable) return { kind: 'giveUp', failure: intolerable }
  return { kind: 'publish', certificate: certificateOf(document, partitions, run.round, outputBucket, now) }
}

function again(facts: RoundFacts, failed: readonly PartitionRecord[], miscut: Miscut[]): Verdict {
  if (facts.run.round >= roundsMax) {
    return {
      kind: 'giveUp',
      failure: {
        code: 'ROUNDS_EXHAUSTED',
        words: `after ${roundsMax} rounds ${failed.length + miscut.length} partitions are still not done`,
        remedy: 'Look at the partitions with `millrace show`, then retry the run.',
      },
    }
  }
  const repeated = failed.map(({ partition }) => assignmentOf(facts, partition))
  return {
    kind: 'again',
    assignments: [...repeated, ...miscut.map(({ assignment }) => assignment)],
    miscut,
    delayMs: backoffMs(facts, failed),
  }
}

/** A partition outside this round is one whose success an interrupted settle took back: its page is written. */
function assignmentOf({ assignments, document }: RoundFacts, partition: number): Assignment {
  return assignments.get(partition) ?? cut(document, partition)
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

function giveUpWords(
  partition: PartitionRecord,
  failed: number,
): { code: string; words: string; remedy: string } {
  const last = partition.failures?.at(-1)
  if (last === undefined)
    throw new TypeError(`partition ${partition.partition} is hopeless without a failure`)
  const rule = failureRules[last.code]
  const others = failed > 1 ? ` (and ${failed - 1} more partitions are not done)` : ''
  return {
    code: last.code,
    words: `partition ${partition.partition}: ${rule.words}: ${last.reason}${others}`,
    remedy: rule.remedy,
  }
}

function beyondTolerance({
  document,
  partitions,
}: RoundFacts): { code: string; words: string; remedy: string } | undefined {
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
