/** What a look at the Region makes of a deployment. */
import type { Fault } from '../faults.ts'

export interface Found {
  /** `name=value`, beside those that a person gave. */
  params: string[]
  /** Lines worth a person's attention that stop nothing. */
  notes: string[]
  faults: Fault[]
}

export const nothing: Found = { params: [], notes: [], faults: [] }

export function together(found: readonly Found[]): Found {
  return {
    params: found.flatMap(({ params }) => params),
    notes: found.flatMap(({ notes }) => notes),
    faults: found.flatMap(({ faults }) => faults),
  }
}
