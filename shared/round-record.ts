/** One round of a run, and where its jobs go. Pure. */
import type { RoundState, Stage } from './vocabulary.ts'

/** Where the jobs of some partitions run, and with how much; absent: as the pipeline says, on Spot. */
export interface Lane {
  onDemand?: true
  memoryMiB?: number
  timeoutMinutes?: number
}

/** Where the jobs of a round go; frozen in its record when it is first submitted, for a deployment may change it. */
export interface Place {
  definition: string
  queue: string
  onDemandQueue: string
  /** With fair share only. */
  share?: { identifier: string; priority: number }
}

/** One array (or plain job) of a round. */
export interface RoundChunk {
  partitions: number
  lane?: Lane
}

export interface RoundRecord {
  runId: string
  round: number
  state: RoundState
  stage?: Stage
  partitions: number
  /** Its arrays, where they are not of 10,000 partitions each but the last. */
  chunks?: RoundChunk[]
  /** Epoch ms; not to be submitted before. */
  dueAt: number
  claimedAt?: number
  /** As of its first claim: its jobs are looked for where they were submitted. */
  place?: Place
  /** Of the newest of its jobs, when it was recorded. */
  submittedAt?: number
  /** Job id of each array of this round, by its number: `job0`, `job1`, ... */
  [job: `job${number}`]: string
  /** Terminal status of each, likewise: `end0`, ... */
  [end: `end${number}`]: string
}
