/** Why an attempt failed: a closed list, how each is known, and what is done. Pure. */

export interface FailureRule {
  /** Counts against the pipeline's `retry.attempts`. */
  costsAttempt: boolean
  retry: 'at once' | 'back off' | 'never'
  /**
   * What is tried where more of the same is no use. `memory`, `time`: cut in quarters, else give more of it, to a cap.
   * `bisect`: once the attempts are used up, look for the record that kills the work.
   */
  beyond: 'memory' | 'time' | 'bisect' | 'nothing'
  /** The same in many partitions stops the run: it is the work or the input, and no machine. */
  breaks: boolean
  /** What a person reads. */
  words: string
  /** What a person can do, where the machine cannot. */
  remedy: string
}

export const failureRules = {
  SPOT_RECLAIMED: {
    costsAttempt: false,
    retry: 'at once',
    beyond: 'nothing',
    breaks: false,
    words: 'the Spot instance was taken back',
    remedy: 'None needed: it is retried and costs no attempt.',
  },
  OUT_OF_MEMORY: {
    costsAttempt: false,
    retry: 'at once',
    beyond: 'memory',
    breaks: false,
    words: 'the container ran out of memory',
    remedy:
      'It was cut in quarters and given more memory, up to job.memoryMiBMax. Retry it with `--memory-mib`; for files to come raise job.memoryMiB, or lower split.partitionBytes.',
  },
  TIMED_OUT: {
    costsAttempt: false,
    retry: 'at once',
    beyond: 'time',
    breaks: false,
    words: 'the attempt ran longer than its time limit',
    remedy:
      'It was cut in quarters and given twice the time. Retry it with `--timeout-minutes`; for files to come raise job.timeoutMinutes, or lower split.partitionBytes.',
  },
  INFRASTRUCTURE: {
    costsAttempt: true,
    retry: 'back off',
    beyond: 'nothing',
    breaks: false,
    words: 'the container could not be started or inspected',
    remedy: 'Check that image and secrets exist and that the execution role may read them, then retry.',
  },
  UNSCHEDULABLE: {
    costsAttempt: true,
    retry: 'never',
    beyond: 'nothing',
    breaks: false,
    words: 'Batch has no place to run the job',
    remedy:
      'Raise the limits of the compute environment and retry the run, or ask for fewer vCPUs or less memory in the pipeline and drop the file again.',
  },
  BAD_INPUT: {
    costsAttempt: true,
    retry: 'never',
    beyond: 'nothing',
    breaks: true,
    words: 'the input cannot be taken as it is',
    remedy: 'Correct the file, or allow more with tolerate.rejectedRecords, and drop it again.',
  },
  TEMPORARY: {
    costsAttempt: true,
    retry: 'back off',
    beyond: 'nothing',
    breaks: false,
    words: 'a service it depends on was briefly unavailable',
    remedy:
      'None while it is retried. If it lasts, look at the service named in the reason, then retry the run.',
  },
  APPLICATION: {
    costsAttempt: true,
    retry: 'back off',
    beyond: 'bisect',
    breaks: true,
    words: 'the work itself failed',
    remedy:
      'Read the reason and the logs. A run keeps the pipeline that it began with: correct the pipeline and drop the file again; where the cause lay elsewhere, retry the run.',
  },
  MISCUT: {
    costsAttempt: false,
    retry: 'at once',
    beyond: 'nothing',
    breaks: false,
    words: 'the guess of where its first record starts was wrong',
    remedy: 'None needed: it is worked again from the start its neighbour proved.',
  },
  SOURCE_CHANGED: {
    costsAttempt: true,
    retry: 'never',
    beyond: 'nothing',
    breaks: false,
    words: 'the source object was overwritten or deleted while the run read it',
    remedy:
      'None if the new version arrived as a drop of its own: that is another run. Else drop the file again.',
  },
  CANCELLED: {
    costsAttempt: false,
    retry: 'never',
    beyond: 'nothing',
    breaks: false,
    words: 'a person ended it',
    remedy: 'Retry the run to go on where it stopped.',
  },
  SUPERSEDED: {
    costsAttempt: false,
    retry: 'at once',
    beyond: 'nothing',
    breaks: false,
    words: 'it did not get to work: another job has its work, or the one it waits for failed',
    remedy: 'None needed: it is worked again and costs no attempt.',
  },
  UNKNOWN: {
    costsAttempt: true,
    retry: 'back off',
    beyond: 'bisect',
    breaks: true,
    words: 'it ended without a word that we know',
    remedy: 'Read the logs of the attempt, then retry the run.',
  },
} as const satisfies Record<string, FailureRule>

export type FailureCode = keyof typeof failureRules
export const failureCodes = Object.keys(failureRules) as FailureCode[]

/** The worker contract's exit codes, for any language. */
export const exitCodes = { done: 0, failed: 1, badInput: 65, temporary: 75, terminated: 143 } as const

/** What Batch said of an attempt. */
export interface AttemptEnd {
  statusReason?: string | undefined
  reason?: string | undefined
  exitCode?: number | undefined
}

/** Begins what Batch is told of every job that we end. */
export const terminatedPrefix = 'Terminated by Millrace: '
/** Of a job beside the one that a round's record names, and of one that outlives its round. */
export const supersededReason = `${terminatedPrefix}another job has its work`
/** Batch's word for a job that waited for another, which failed: it has not begun. */
export const dependentReason = 'Dependent Job failed'

/** Reasons first, in this order; trailing `*` matches any ending. Sources: AWS Batch user guide, ecs-agent. */
const knownReasons: readonly (readonly [keyof AttemptEnd, string, FailureCode])[] = [
  ['statusReason', 'Host EC2*', 'SPOT_RECLAIMED'],
  ['statusReason', 'Your Spot Task was interrupted.', 'SPOT_RECLAIMED'],
  ['reason', 'OutOfMemoryError*', 'OUT_OF_MEMORY'],
  ['statusReason', 'Job attempt duration exceeded timeout*', 'TIMED_OUT'],
  ['statusReason', 'Canceled by JobStateTimeLimit action*', 'UNSCHEDULABLE'],
  ['statusReason', 'MISCONFIGURATION:*', 'UNSCHEDULABLE'],
  ['statusReason', 'CAPACITY:*', 'UNSCHEDULABLE'],
  ['statusReason', 'ACTION_REQUIRED*', 'UNSCHEDULABLE'],
  ['statusReason', 'UNDETERMINED*', 'UNSCHEDULABLE'],
  ['statusReason', 'Container Overrides length must be at most*', 'UNSCHEDULABLE'],
  ['statusReason', supersededReason, 'SUPERSEDED'],
  ['statusReason', 'Terminated by Millrace*', 'CANCELLED'],
  ['statusReason', `${dependentReason}*`, 'SUPERSEDED'],
  ['statusReason', 'JobQueue deleted*', 'CANCELLED'],
  ['reason', 'Cannot*', 'INFRASTRUCTURE'],
  ['reason', 'DockerTimeoutError*', 'INFRASTRUCTURE'],
  ['reason', 'ResourceInitializationError*', 'INFRASTRUCTURE'],
  ['statusReason', 'Task failed to start*', 'INFRASTRUCTURE'],
]

const knownExits: Readonly<Record<number, FailureCode>> = {
  [exitCodes.badInput]: 'BAD_INPUT',
  [exitCodes.temporary]: 'TEMPORARY',
}

/** Reason strings first, exit code last: 137 alone is no proof of memory, 143 none of a reclaim. */
export function classify(end: AttemptEnd): FailureCode {
  for (const [field, pattern, code] of knownReasons) {
    if (matches(pattern, end[field])) return code
  }
  if (end.exitCode === undefined) return 'UNKNOWN'
  return knownExits[end.exitCode] ?? 'APPLICATION'
}

const matches = (pattern: string, said: unknown = ''): boolean =>
  pattern.endsWith('*') ? String(said).startsWith(pattern.slice(0, -1)) : said === pattern

/** Groups alike failures: the reason without what differs from one partition to the next. */
export function fingerprint(code: FailureCode, reason: string): string {
  const shape = reason
    .replace(/i-[0-9a-f]{8,17}/g, 'i-*')
    .replace(/'[^']*'|"[^"]*"/g, '*')
    .replace(/\d+/g, '#')
    .slice(0, 160)
  return `${code}: ${shape}`
}
