/** Records that cannot be taken go to the rejects, with their place and the reason. */
import { findRecords } from '../read/find.ts'
import type { Reading } from './given.ts'

export interface Parked {
  /** Among the spooled records, from 0. */
  ordinal: number
  reason: string
  column?: string
}

/** @param parked in order */
export async function park(
  { source, spool, rejects }: Pick<Reading, 'source' | 'spool' | 'rejects'>,
  parked: readonly Parked[],
): Promise<void> {
  const byOrdinal = new Map(parked.map(one => [one.ordinal, one]))
  await findRecords(source, spool.marks, [...byOrdinal.keys()], (ordinal, position, raw, line) => {
    const found = byOrdinal.get(ordinal)
    if (found) rejects.add(position, found.reason, raw, found.column, line)
  })
  rejects.flush()
}
