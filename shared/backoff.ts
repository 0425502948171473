/** How long a round waits before it tries again what failed. Pure. */
import { failureRules } from './failure.ts'
import { countedFailures, lastFailure } from './ladder.ts'
import type { PartitionRecord } from './records.ts'
import type { RoundFacts } from './verdict.ts'

const backoffMsMax = 15 * 60 * 1000

/** Exponential, with full jitter upwards of a half, so that partitions of many runs do not come back together. */
export function backoffMs({ run, document, random }: RoundFacts, failed: readonly PartitionRecord[]): number {
  const waits = failed.some(record => {
    const last = lastFailure(record, run)
    return last !== undefined && failureRules[last.code].retry === 'back off'
  })
  if (!waits) return 0
  const longest = Math.max(...failed.map(partition => countedFailures(partition, run).length), 1)
  const ceilingMs = Math.min(document.pipeline.retry.backoffSeconds * 1000 * 2 ** (longest - 1), backoffMsMax)
  return Math.round(ceilingMs * (0.5 + random / 2))
}
