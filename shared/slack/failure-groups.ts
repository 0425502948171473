/** Alike failures, once: thousands of partitions that fail for one reason are one thing to read. Pure. */
import type { FailureCode } from '../failure.ts'
import type { PartitionRecord } from '../records.ts'
import { PartitionState } from '../vocabulary.ts'

export interface FailureGroup {
  code: FailureCode
  fingerprint: string
  /** How many partitions failed this way last. */
  count: number
  /** Of the partition with the lowest number. */
  example: { partition: number; reason: string }
}

/** By each failed partition's last failure; the most frequent first, but those that we ended last. Others are left out. */
export function failureGroups(partitions: Iterable<PartitionRecord>): FailureGroup[] {
  const groups = new Map<string, FailureGroup>()
  for (const { partition, state, failures } of partitions) {
    const last = failures?.at(-1)
    if (state !== PartitionState.FAILED || last === undefined) continue
    const { code, fingerprint, reason } = last
    const group = groups.get(fingerprint)
    const example = { partition, reason }
    if (group === undefined) groups.set(fingerprint, { code, fingerprint, count: 1, example })
    else {
      group.count += 1
      if (partition < group.example.partition) group.example = example
    }
  }
  return [...groups.values()].toSorted(
    (one, other) => Number(isEnded(one)) - Number(isEnded(other)) || other.count - one.count,
  )
}

/** It says that others failed, not why. */
function isEnded({ code }: FailureGroup): boolean {
  return code === 'CANCELLED' || code === 'SUPERSEDED'
}
