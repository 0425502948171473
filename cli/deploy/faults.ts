/** What is in the way of a deployment: all of it at once, each with what to do about it. */
import { MillraceError } from '../../shared/errors.ts'

export interface Fault {
  fault: string
  remedy: string
}

/** Errors: CONFIG_INVALID with all of them. */
export function refuse(faults: readonly Fault[]): void {
  if (faults.length === 0) return
  const lines = faults.flatMap(({ fault, remedy }) => [`  - ${fault}`, `    ${remedy}`])
  const count = faults.length === 1 ? 'One thing is' : `${faults.length} things are`
  throw new MillraceError('CONFIG_INVALID', `${count} in the way; nothing was done.\n${lines.join('\n')}`)
}
