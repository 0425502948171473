/** What may befall one call of a port. */
import { type ErrorCode, MillraceError } from '../shared/errors.ts'
import type { ProcessEnd } from './life.ts'
import type { PortCall } from './port-calls.ts'

export type When = 'before' | 'after'

export type Trouble =
  /** The call fails: before it happens, or after it took effect. */
  | { kind: 'fails'; when: When; code?: ErrorCode }
  /** Whoever called is no more. `end`: what Batch says of it, where it is a worker. */
  | { kind: 'dies'; when: When; end?: ProcessEnd }
  /** Batch believes the machine lost, and starts the child again or not; the process goes on after so long. */
  | { kind: 'freezes'; when: When; again: boolean; ms: number }
  /** The machine is about to go, and says so: minutes before, or seconds. */
  | { kind: 'notice'; when: When; sudden?: true }
  /** A worker takes so long over it, if nobody asks it to leave off. */
  | { kind: 'lingers'; when: When; ms: number }

const words = 'the story fails'

export function injected({ by, name }: PortCall, code: ErrorCode = 'TEMPORARY_FAILURE'): MillraceError {
  return new MillraceError(code, `${words} ${name} of ${by}`)
}

/** Also where it is the cause of what was made of it. */
export function isInjected(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.message.startsWith(words) || isInjected(error.cause)
}
