/** What is wrong with a compressed stream, as an error that ends the run as REFUSED. */
import { type StreamFault, streamRefusal } from '../../../shared/compression/refusals.ts'
import { MillraceError } from '../../../shared/errors.ts'
import type { Refusal } from '../../../shared/plan/refusal.ts'

export function streamFault(code: StreamFault, words: string, cause?: unknown): MillraceError {
  return refused(streamRefusal(code, words), cause)
}

export function refused({ code, words, remedy }: Refusal, cause?: unknown): MillraceError {
  return new MillraceError('BAD_INPUT', words, { refusal: code, remedy, cause })
}

export function truncated(what: string, at: number, cause?: unknown): MillraceError {
  return streamFault('STREAM_TRUNCATED', `${what} breaks off at byte ${at}, the end of the file`, cause)
}
