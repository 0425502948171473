/** Leases of functions that died with an earlier stack: here nobody else can hold one, so nobody need wait for it. */
import type { Records } from '../shared/ports.ts'
import { fromItem, type RunRecord, recordKeys } from '../shared/records.ts'
import { RoundState } from '../shared/vocabulary.ts'

/** Open runs of one machine; what lies beyond waits until its lease is over, as in AWS. */
const runsMax = 10_000
const runsPerPage = 1000

/**
 * For the only stack of a data folder, before it calls any function. A round that was being submitted can be claimed
 * at once, and so can the words to a person that were being said. Answers how many it ended.
 */
export async function endLeases(records: Records): Promise<number> {
  let ended = 0
  let after: string | undefined
  for (let seen = 0; seen < runsMax; seen += runsPerPage) {
    const page = { index: 'open' as const, pk: 'OPEN', limit: runsPerPage }
    const { items, next } = await records.query(after === undefined ? page : { ...page, after })
    for (const item of items) ended += await endLeasesOf(records, fromItem<RunRecord>(item))
    if (next === undefined) break
    after = next
  }
  return ended
}

async function endLeasesOf(records: Records, { runId, round, tellingAt }: RunRecord): Promise<number> {
  const submitting = await records.update(recordKeys.round(runId, round), { set: { claimedAt: 0 } }, [
    { state: { is: RoundState.SUBMITTING } },
  ])
  if (tellingAt !== undefined) {
    await records.update(recordKeys.run(runId), { remove: ['tellingAt'] }, [{ state: { present: true } }])
  }
  return Number(submitting.ok) + Number(tellingAt !== undefined)
}
