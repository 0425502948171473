/** Errors that a story asks for, told apart from those that nobody did. */
import { MillraceError } from '../shared/errors.ts'
import type { PortCall } from './port-calls.ts'

export function injected({ by, name }: PortCall): MillraceError {
  return new MillraceError('TEMPORARY_FAILURE', `the story fails ${name} of ${by}`)
}

export function isInjected(error: unknown): boolean {
  return error instanceof MillraceError && error.message.startsWith('the story fails')
}
