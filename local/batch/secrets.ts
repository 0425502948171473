/** What the ECS agent fetches for a container, taken from the environment of whoever started this server. */
import type { Machine } from './batch.ts'
import type { JobSpec } from './spec.ts'

/** How Batch words that a container could not be given what its definition names. */
export const initializationError = 'ResourceInitializationError'

/**
 * By the names that the job finds them under; never stored, never shown.
 * Errors: one that is said as the reason of an attempt that did not start, naming all that are missing.
 */
export function secretsFor({ secretOf }: Machine, { secrets = [] }: JobSpec): Record<string, string> {
  const found = secrets.map(({ name }) => [name, secretOf(name)] as const)
  const missing = found.filter(([, value]) => value === undefined).map(([name]) => name)
  if (missing.length > 0) {
    throw new Error(
      `${initializationError}: no value for ${missing.join(', ')}: on one machine, secrets are taken from variables of these names in the environment that the stack is started in`,
    )
  }
  return Object.fromEntries(found.map(([name, value]) => [name, value ?? '']))
}
