/** What is to become of an attempt. */
import { isDeepStrictEqual } from 'node:util'
import type { MillraceError } from '../shared/errors.ts'
import type { AttemptEnd } from '../shared/failure.ts'

export type Fate =
  /** The work throws; the worker says so itself, in the record and by its exit code. */
  | { kind: 'throws'; error: MillraceError }
  /** The container ends in the middle without a last word in the record; only Batch knows how. */
  | { kind: 'dies'; end: AttemptEnd }
  /** Batch says a task failed to start: it never claims. */
  | { kind: 'never starts'; end: AttemptEnd }
  /** Spot takes the machine with the output just written; Batch starts the child again. */
  | { kind: 'reclaimed' }
  /** Exit 0, and nothing written: as a worker does that hides a SIGTERM. */
  | { kind: 'vanishes' }
  /** Batch believes the machine lost, and starts the child again or not; the process goes on once it is let. */
  | { kind: 'zombie'; again: boolean }
  /** Is slow: goes on once it is let. */
  | { kind: 'lingers' }
  /** Claims that its first record starts so many bytes later. */
  | { kind: 'starts wrong'; bytesLater: number }
  /** So many of its records are rejected. */
  | { kind: 'rejects'; records: number }

export interface Attempted {
  partition: number
  round: number
  /** AWS_BATCH_JOB_ATTEMPT */
  jobAttempt: number
  /** The how manieth such attempt it is: more than the first where the round was submitted twice. */
  nth: number
}

/** One line of a story: whom it meets, and what. Left out: any round, the first job attempt, any of such. */
export type Misfortune = { partition: number; round?: number; jobAttempt?: number; nth?: number } & Fate

export function fateOf(misfortunes: readonly Misfortune[], attempted: Attempted): Fate | undefined {
  return misfortunes.find(misfortune => {
    const { partition, round, jobAttempt, nth } = { ...attempted, jobAttempt: 1, ...misfortune }
    const wanted = { partition, round, jobAttempt, nth }
    return isDeepStrictEqual(wanted, attempted)
  })
}
