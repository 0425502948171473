/** When one failure ends a whole run, and the words in which its jobs are ended. Pure. */
import type { MillraceError } from './errors.ts'
import { type FailureRule, failureRules, terminatedPrefix } from './failure.ts'
import type { Failure, RunRecord } from './records.ts'
import { remedyOf } from './remedy.ts'
import { taskName } from './stages.ts'

export type Stopping = NonNullable<RunRecord['stopping']>

/** What Batch is told of the jobs of a run that is being stopped. */
export function stopReason({ words }: Stopping): string {
  return `${terminatedPrefix}${words}`
}

/**
 * Nothing heals it, so that the rest of the array is only cost; a refusal among them. A job that somebody ended beside
 * us is no verdict on the run: settle gives that.
 */
export function isDoom({ code, final, refusal }: Failure): boolean {
  if (code === 'CANCELLED') return false
  const { retry }: FailureRule = failureRules[code]
  return retry === 'never' || final === true || refusal !== undefined
}

/** Why a run ends for what befell one of its tasks. */
export function whyDoomed(task: number, failure: Failure): Stopping {
  const { code, reason, refusal, remedy } = failure
  if (refusal !== undefined)
    return { code: refusal, words: reason, remedy: remedy ?? failureRules[code].remedy }
  return {
    code,
    words: `${taskName(task)}: ${failureRules[code].words}: ${reason}`,
    remedy: remedyOf(code, reason),
  }
}

/** Batch will not take the job: what it needs is not deployed, or no longer. */
export function whyRefused({ message, remedy }: MillraceError): Stopping {
  const check = remedy ?? 'Check that what the message names is deployed.'
  return {
    code: 'UNSCHEDULABLE',
    words: `Batch does not take the jobs: ${message}`,
    remedy: `${check} Is the pipeline still among those deployed? Then retry the run.`,
  }
}

/** `alike`: how many partitions failed this way. */
export function whyBroken(alike: number, { code, reason }: Failure): Stopping {
  const words = `${alike} partitions failed alike: ${failureRules[code].words}: ${reason}`
  return { code, words, remedy: remedyOf(code, reason) }
}
