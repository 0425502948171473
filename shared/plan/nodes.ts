/** What is planned otherwise where each partition is a multi-node job: few of them, and one unless told. Pure. */
import type { RunDocument } from '../documents.ts'
import type { Pipeline } from '../pipeline.ts'
import { isRefusal, type Refusal } from './refusal.ts'

/** Each is a SubmitJob of its own. */
export const nodeJobsMax = 100
/** One partition, whatever the source. */
const wholeBytes = 2 ** 50

/** The size of partitions that is asked for; `undefined`: planning decides. */
export function partitionBytesFor(
  { split, job }: Pipeline,
  asked = split.partitionBytes,
): number | undefined {
  return asked ?? (job.nodes === undefined ? undefined : wholeBytes)
}

export function heldToNodes(plan: RunDocument | Refusal): RunDocument | Refusal {
  if (isRefusal(plan) || plan.pipeline.job.nodes === undefined || plan.partitions <= nodeJobsMax) return plan
  return {
    code: 'TOO_MANY_PARTITIONS',
    words: `${plan.partitions} partitions of ${plan.partitionBytes} bytes would be as many multi-node jobs; at most ${nodeJobsMax} are allowed`,
    remedy: 'Set split.partitionBytes to more, or leave it out: the source is then one partition.',
  }
}
