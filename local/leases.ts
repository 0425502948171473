/** Leases of functions that died with an earlier stack: here nobody else can hold one, so nobody need wait for it. */
import type { Ports } from '../shared/ports.ts'
import { fromItem, type RunRecord, recordKeys } from '../shared/records.ts'
import { EventType, RoundState } from '../shared/vocabulary.ts'

/** Open runs of one machine; what lies beyond waits until its lease is over, as in AWS. */
const runsMax = 10_000
const runsPerPage = 1000

/**
 * For the only stack of a data folder, before it calls any function. A round that was being submitted can be claimed
 * at once, and is due again: whoever had found it claimed has put that off until the lease would be over. The words
 * to a person that were being said can be said at once, too. Answers how many it ended.
 */
export async function endLeases(ports: Pick<Ports, 'records' | 'bus'>): Promise<number> {
  let ended = 0
  let after: string | undefined
  for (let seen = 0; seen < runsMax; seen += runsPerPage) {
    const page = { index: 'open' as const, pk: 'OPEN', limit: runsPerPage }
    const { items, next } = await ports.records.query(after === undefined ? page : { ...page, after })
    for (const item of items) ended += await endLeasesOf(ports, fromItem<RunRecord>(item))
    if (next === undefined) break
    after = next
  }
  return ended
}

async function endLeasesOf(
  { records, bus }: Pick<Ports, 'records' | 'bus'>,
  { runId, pipeline, round, tellingAt }: RunRecord,
): Promise<number> {
  const submitting = await records.update(recordKeys.round(runId, round), { set: { claimedAt: 0 } }, [
    { state: { is: RoundState.SUBMITTING } },
  ])
  if (submitting.ok) await bus.publish({ type: EventType.roundDue, detail: { runId, pipeline, round } })
  if (tellingAt !== undefined) {
    await records.update(recordKeys.run(runId), { remove: ['tellingAt'] }, [{ state: { present: true } }])
  }
  return Number(submitting.ok) + Number(tellingAt !== undefined)
}
