/** Every way our own code can fail, closed: what happened, and whether the same call may succeed later. */
export const errorCodes = {
  /** A pipeline file breaks the schema; `faults` lists every fault. */
  PIPELINE_INVALID: { retryable: false },
  /** The environment or the command line lacks something; the message names all of it. */
  CONFIG_INVALID: { retryable: false },
  /** An event or a stored document is not of the shape it must have. */
  MALFORMED: { retryable: false },
  /** No object at that key. */
  OBJECT_MISSING: { retryable: false },
  /** Written with `once`, and the key is taken. */
  OBJECT_EXISTS: { retryable: false },
  /** The source object is no longer the one the run was planned from. */
  SOURCE_CHANGED: { retryable: false },
  /** The data cannot be taken as it is; the message says where and why. */
  BAD_INPUT: { retryable: false },
  /** What DuckDB saw and what our reader counted differ: nothing of it may be published. */
  COUNT_MISMATCH: { retryable: false },
  /** The user's SQL does not run. */
  WORK_FAILED: { retryable: false },
  /** The process that ran the user's SQL has died; the message says how, and what it said last. */
  WORK_DIED: { retryable: false },
  /** DuckDB reached its memory limit and could not spill. */
  OUT_OF_MEMORY: { retryable: true },
  /** The service asked us to slow down. */
  THROTTLED: { retryable: true },
  /** A network or service fault that passes. */
  TEMPORARY_FAILURE: { retryable: true },
  /** The machine is about to be taken back, and the work is not done. */
  RECLAIMED: { retryable: true },
  /** Asked to stop (SIGTERM). */
  STOPPED: { retryable: true },
  /** An AWS service will not take the request as it is: a name, a limit or a permission is wrong. */
  REQUEST_REFUSED: { retryable: false },
  /** Slack will not take the message as it is: the channel, the token or the scope is wrong. */
  CHAT_REFUSED: { retryable: false },
  /** No run, pipeline or stack of that name. */
  NOT_FOUND: { retryable: false },
  /** The verb is not offered in the run's state. */
  NOT_ALLOWED: { retryable: false },
  /** A state that the code believes impossible. */
  INVARIANT_BROKEN: { retryable: false },
} as const

export type ErrorCode = keyof typeof errorCodes

export interface ErrorDetails {
  /** What a person can do about it. */
  remedy?: string
  retryAfterMs?: number
  /** A BAD_INPUT that concerns the object as a whole: the code with which its run is REFUSED. */
  refusal?: string
  /** Another try would end the same way: it is the work or the data, and no chance. */
  final?: true
  faults?: { path: string; fault: string; remedy: string }[]
  cause?: unknown
}

/** The one error class. `code` decides, never the message. */
export class MillraceError extends Error {
  readonly code: ErrorCode
  readonly remedy: string | undefined
  readonly retryAfterMs: number | undefined
  readonly refusal: string | undefined
  readonly final: boolean
  readonly faults: { path: string; fault: string; remedy: string }[]

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'MillraceError'
    this.code = code
    this.remedy = details.remedy
    this.retryAfterMs = details.retryAfterMs
    this.refusal = details.refusal
    this.final = details.final ?? false
    this.faults = details.faults ?? []
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable
  }
}

/** True where `error` is ours and of that code. */
export function isError(error: unknown, code: ErrorCode): error is MillraceError {
  return error instanceof MillraceError && error.code === code
}
