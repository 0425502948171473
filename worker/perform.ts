/** Which work an attempt is: by the stage of its round, then by the format of its run. */
import type { Report } from '../shared/records.ts'
import { type Attempt, work } from './attempt.ts'

/** Errors: those of the work. */
export function perform(attempt: Attempt): Promise<Report> {
  return work(attempt)
}
