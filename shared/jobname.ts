/** How a Batch job is tied to its run, both ways. Pure. */
import { padded } from './records.ts'

/** Which array of which round of which run. */
export interface JobTie {
  runId: string
  round: number
  /** The number of the array within the round: more than 10,000 partitions take several. */
  chunk: number
}

const pattern = /^([a-z][a-z0-9-]*_[0-9a-f]{24})_r(\d{2,})_c(\d{2,})$/

/** Deterministic, so that a submission nobody recorded can be found again by ListJobs(JOB_NAME). */
export function jobName({ runId, round, chunk }: JobTie): string {
  return `${runId}_r${padded(round, 2)}_c${padded(chunk, 2)}`
}

/** `undefined` for a job that is not ours: the default bus carries every team's jobs. */
export function parseJobName(name: string): JobTie | undefined {
  const [, runId, round, chunk] = pattern.exec(name) ?? []
  if (runId === undefined) return undefined
  return { runId, round: Number(round), chunk: Number(chunk) }
}

/** What every child of a job finds in its environment, beside Batch's own and the job definition's. */
export function childEnvironment({ runId, round, chunk }: JobTie): Record<string, string> {
  return { MILLRACE_RUN_ID: runId, MILLRACE_ROUND: String(round), MILLRACE_CHUNK: String(chunk) }
}
