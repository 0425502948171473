/** What settling a round looks at, and what it may come to. */
import type { Certificate } from './certificate.ts'
import type { Assignment, Resplit, RunDocument } from './documents.ts'
import type { MergeTask } from './merge.ts'
import type { Refusal } from './plan/refusal.ts'
import type { PartitionRecord, RunRecord } from './records.ts'
import type { Miscut } from './tiling.ts'

export interface RoundFacts {
  run: RunRecord
  document: RunDocument
  /** What this round was told to work, by task. */
  assignments: ReadonlyMap<number, Assignment>
  /** What round 1 was told, where no arithmetic cuts the partitions. */
  planned?: ReadonlyMap<number, Assignment>
  /** Of the rounds so far, in the order in which they were made. */
  resplits?: readonly Resplit[]
  /** An interrupted settle has decided them for the next round: no others are made. */
  begun?: readonly Resplit[]
  /** Every partition of the run that has a record. */
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
  | {
      kind: 'again'
      assignments: Assignment[]
      miscut: Miscut[]
      /** Decided in this round; with those begun, all that the next one starts with. */
      resplits: readonly Resplit[]
      /** Of the work stage, from the next round on. */
      partitions: number
      delayMs: number
    }
  /** The split stage is done: the run as its work stage sees it. */
  | { kind: 'work'; document: RunDocument }
  | { kind: 'merge'; tasks: MergeTask[] }
  | { kind: 'giveUp'; failure: Refusal }
  | { kind: 'cancel'; failure: Refusal }
  /** The input as a whole cannot be taken. */
  | { kind: 'refuse'; failure: Refusal }
