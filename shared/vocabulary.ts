/**
 * Every word of state, once. Code elsewhere names these constants; only this file spells them as strings
 * (test/rules.test.ts holds it to that).
 */

/** One ingestion of one source. */
export const RunState = {
  /** Registered, its plan frozen; no job exists yet. */
  PLANNED: 'PLANNED',
  /** A round's jobs are with Batch. */
  RUNNING: 'RUNNING',
  /** The next round is written and not yet due. */
  WAITING: 'WAITING',
  /** Its certificate is published. */
  SUCCEEDED: 'SUCCEEDED',
  /** Gave up: at least one partition cannot be made to succeed. */
  FAILED: 'FAILED',
  /** The source cannot be taken as it is: seen at planning, or by the worker that read it. */
  REFUSED: 'REFUSED',
  /** A person ended it. */
  CANCELLED: 'CANCELLED',
} as const
export type RunState = (typeof RunState)[keyof typeof RunState]

/** One submission of a run's outstanding partitions. */
export const RoundState = {
  WAITING: 'WAITING',
  /** Claimed by one submit; some of its jobs may exist. */
  SUBMITTING: 'SUBMITTING',
  RUNNING: 'RUNNING',
  /** Every job of it is terminal. */
  ENDED: 'ENDED',
} as const
export type RoundState = (typeof RoundState)[keyof typeof RoundState]

/** The unit of work and of retry. A partition without a record is planned and was never claimed. */
export const PartitionState = {
  PLANNED: 'PLANNED',
  RUNNING: 'RUNNING',
  SUCCEEDED: 'SUCCEEDED',
  FAILED: 'FAILED',
} as const
export type PartitionState = (typeof PartitionState)[keyof typeof PartitionState]

/** Small objects that become one run. */
export const GroupState = {
  OPEN: 'OPEN',
  /** Nobody joins any more; its run is being registered. */
  CLOSED: 'CLOSED',
  /** Its run is there, or none of its objects was left to it. */
  DONE: 'DONE',
} as const
export type GroupState = (typeof GroupState)[keyof typeof GroupState]

/** What a round's tasks are for. */
export const Stage = {
  /** One task lays a serial stream down in pieces, which the partitions then read. */
  split: 'split',
  work: 'work',
  /** Each task makes one file of small ones. */
  merge: 'merge',
} as const
export type Stage = (typeof Stage)[keyof typeof Stage]

/** AWS Batch's JobStatus, verbatim. A parent of an array is never RUNNABLE, STARTING or RUNNING. */
export const JobStatus = {
  SUBMITTED: 'SUBMITTED',
  PENDING: 'PENDING',
  RUNNABLE: 'RUNNABLE',
  STARTING: 'STARTING',
  RUNNING: 'RUNNING',
  SUCCEEDED: 'SUCCEEDED',
  FAILED: 'FAILED',
} as const
export type JobStatus = (typeof JobStatus)[keyof typeof JobStatus]

/** Why a person is told. RECOVERED is a run that succeeded after a person was told it had failed. */
export const Occasion = {
  FAILED: 'FAILED',
  REFUSED: 'REFUSED',
  RECOVERED: 'RECOVERED',
  SUCCEEDED: 'SUCCEEDED',
} as const
export type Occasion = (typeof Occasion)[keyof typeof Occasion]

/** `detail-type` of the events on our own bus; their source is `ownSource`. */
export const EventType = {
  groupDue: 'Group Due',
  /** A tick of a pipeline's schedule, or of a person. */
  scheduleDue: 'Schedule Due',
  roundDue: 'Round Due',
  roundEnded: 'Round Ended',
  runStateChange: 'Run State Change',
  /** An object that the ledger does not know is dropped anew. */
  sourceMissed: 'Source Missed',
  expectationMissed: 'Expectation Missed',
  expectationMet: 'Expectation Met Late',
} as const
export type EventType = (typeof EventType)[keyof typeof EventType]

export const ownSource = 'millrace'

/** The Lambdas, in the order a file walks through them. */
export const functionNames = ['partition', 'submit', 'track', 'settle', 'notify', 'reconcile'] as const
export type FunctionName = (typeof functionNames)[number]
