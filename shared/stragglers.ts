/** Who is so much slower than its peers that others are to share what it has left. Pure. */
import { epochMs } from './clock.ts'
import type { PartitionRecord } from './records.ts'
import type { JobStatus } from './vocabulary.ts'
import { PartitionState } from './vocabulary.ts'

/** Fewer partitions have no peers to speak of. */
export const stragglerPartitionsMin = 10
/** So many of them are done before anybody looks at the rest. */
export const stragglerDoneShare = 0.9
/** So many times as long as the median of those that are done. */
export const stragglerFactor = 3
/** Whoever is younger is left alone, however quick the others were. */
export const stragglerAgeMsMin = 5 * 60 * 1000

/** `summary`: of a round's jobs together, how many children are in each status. */
export function areMostDone(partitions: number, summary: Partial<Record<JobStatus, number>>): boolean {
  const done = (summary.SUCCEEDED ?? 0) + (summary.FAILED ?? 0)
  return (
    partitions >= stragglerPartitionsMin &&
    done >= partitions * stragglerDoneShare &&
    (summary.RUNNING ?? 0) > 0
  )
}

/** Of one round's partitions, those to be asked to leave off: each attempt once. `now`: epoch ms. */
export function stragglersOf(
  partitions: readonly PartitionRecord[],
  round: number,
  now: number,
): PartitionRecord[] {
  const own = partitions.filter(partition => partition.round === round)
  const medianMs = median(
    own.flatMap(({ state, report }) =>
      state === PartitionState.SUCCEEDED ? (report?.durationMs ?? []) : [],
    ),
  )
  if (medianMs === undefined) return []
  const ageMsMax = Math.max(stragglerAgeMsMin, stragglerFactor * medianMs)
  return own.filter(
    partition =>
      partition.state === PartitionState.RUNNING &&
      partition.askedToYield !== partition.fence &&
      now - claimedAt(partition) > ageMsMax,
  )
}

/** Of the attempt that holds it; NaN where it is not known. */
function claimedAt({ claims = [], fence }: PartitionRecord): number {
  return epochMs(claims.findLast(claim => claim.fence === fence)?.at ?? '')
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)]
}
