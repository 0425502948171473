/** What an error means: its failure code, and the exit code by which Batch and track know it. */
import { type ErrorCode, MillraceError } from '../shared/errors.ts'
import { exitCodes, type FailureCode } from '../shared/failure.ts'

export interface Ending {
  code: FailureCode
  exitCode: number
  reason: string
  /** See `ErrorDetails.refusal`. */
  refusal?: string
  /** With `refusal`; else it ends the reason. */
  remedy?: string
  /** See `ErrorDetails.final`. */
  final?: true
}

/** Long enough for DuckDB's message with the place in the SQL. */
const reasonCharactersMax = 2000

const failures: Partial<Record<ErrorCode, FailureCode>> = {
  BAD_INPUT: 'BAD_INPUT',
  SOURCE_CHANGED: 'SOURCE_CHANGED',
  THROTTLED: 'TEMPORARY',
  TEMPORARY_FAILURE: 'TEMPORARY',
  OUT_OF_MEMORY: 'OUT_OF_MEMORY',
  RECLAIMED: 'SPOT_RECLAIMED',
}

const exits: Partial<Record<FailureCode, number>> = {
  BAD_INPUT: exitCodes.badInput,
  TEMPORARY: exitCodes.temporary,
  SPOT_RECLAIMED: exitCodes.terminated,
}

export function endingOf(error: unknown): Ending {
  const code = error instanceof MillraceError ? (failures[error.code] ?? 'APPLICATION') : 'APPLICATION'
  const exitCode = exits[code] ?? exitCodes.failed
  if (!(error instanceof MillraceError) || error.refusal === undefined) {
    const final = error instanceof MillraceError && error.final
    return { code, exitCode, reason: reasonOf(error), ...(final ? { final } : {}) }
  }
  const { refusal, remedy, message } = error
  const reason = message.slice(0, reasonCharactersMax)
  return { code, exitCode, reason, refusal, ...(remedy === undefined ? {} : { remedy }) }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, reasonCharactersMax)
  const remedy = error instanceof MillraceError && error.remedy ? ` ${error.remedy}` : ''
  return `${error.message}${remedy}`.slice(0, reasonCharactersMax)
}
