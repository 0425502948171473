/** The documents that say which parts of partitions went to new ones. */
import { type Resplit, type ResplitPage, stateKeys } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import type { RunRecord } from '../../shared/records.ts'
import type { World } from '../../shared/world.ts'
import { freeze, readDocument } from './documents.ts'

type Reads = Pick<World, 'objects' | 'config'>

/** Of all rounds so far, in the order in which they were made. Errors: those of reading. */
export async function resplitsOf(
  world: Reads,
  { runId, resplits = [] }: Pick<RunRecord, 'runId' | 'resplits'>,
): Promise<Resplit[]> {
  const found: Resplit[] = []
  for (const round of resplits) {
    found.push(...(await readDocument<ResplitPage>(world.objects, refOf(world, runId, round))).resplits)
  }
  return found
}

/** What an interrupted settle has decided for a round that is not open yet. */
export async function begunResplits(
  world: Reads,
  runId: string,
  round: number,
): Promise<{ begun?: Resplit[] }> {
  try {
    const { resplits } = await readDocument<ResplitPage>(world.objects, refOf(world, runId, round))
    return { begun: resplits }
  } catch (error) {
    if (isError(error, 'OBJECT_MISSING')) return {}
    throw error
  }
}

/** The first one written stays. @returns whether it says what was to be said */
export async function freezeResplits(
  world: Reads,
  runId: string,
  round: number,
  resplits: readonly Resplit[],
): Promise<boolean> {
  const page = { round, resplits: [...resplits] }
  const stands = await freeze<ResplitPage>(world.objects, refOf(world, runId, round), page)
  return JSON.stringify(stands) === JSON.stringify(page)
}

function refOf({ config }: Reads, runId: string, round: number): { bucket: string; key: string } {
  return { bucket: config.buckets.state, key: stateKeys.resplits(runId, round) }
}
