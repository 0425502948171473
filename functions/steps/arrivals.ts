/** The files of a pipeline that came lately, oldest first. */
import { epochMs } from '../../shared/clock.ts'
import { isError } from '../../shared/errors.ts'
import type { Expect } from '../../shared/expectation.ts'
import { globMatcher } from '../../shared/glob.ts'
import { type GroupMembers, groupKeys, isGroupSource } from '../../shared/groups.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { fromItem, type RunRecord } from '../../shared/records.ts'
import type { World } from '../../shared/world.ts'
import { readDocument } from './documents.ts'

const runsPerPage = 100
/** More runs than these between two deadlines are more than anybody counts. */
const pagesMax = 1000

/** One file, by the run that took it. */
export interface Arrived {
  /** When its run began, as ISO 8601. */
  at: string
}

/**
 * Whose runs began later than `since` (epoch ms), whatever became of them; of a list only its manifest counts. Where
 * as many as are expected came up to `by`, the oldest may be left out: one page of an index is then enough.
 */
export async function arrivals(
  world: World<'objects' | 'records'>,
  pipeline: Pipeline,
  { matching, files }: Expect,
  { since, by = 0 }: { since: number; by?: number },
): Promise<Arrived[]> {
  const found: Arrived[] = []
  const wanted = matching === undefined ? undefined : globMatcher(matching)
  let after: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const query = { index: 'pipeline' as const, pk: pipeline.name, newestFirst: true, limit: runsPerPage }
    const { items, next } = await world.records.query({ ...query, ...(after === undefined ? {} : { after }) })
    const runs = items.map(item => fromItem<RunRecord>(item))
    const fresh = runs.filter(({ createdAt }) => epochMs(createdAt) > since)
    for (const run of fresh) {
      const count = await filesOf(world, run, files, wanted)
      found.push(...Array.from({ length: count }, () => ({ at: run.createdAt })))
    }
    const enough = found.filter(({ at }) => epochMs(at) <= by).length >= files
    if (enough || next === undefined || fresh.length < runs.length) break
    after = next
  }
  return found.toReversed()
}

/** @param most more than these are as good as these */
async function filesOf(
  world: World<'objects'>,
  run: RunRecord,
  most: number,
  wanted: ((key: string) => boolean) | undefined,
): Promise<number> {
  const { source, objects } = run
  const isGroup = isGroupSource(source, world.config.buckets.drops)
  if (!isGroup) return wanted === undefined || wanted(source.key) ? 1 : 0
  if (wanted === undefined) return Math.min(most, objects?.count ?? 1)
  const members = await membersOf(world, run.runId)
  return Math.min(most, members.filter(({ source: { key }, gone }) => !gone && wanted(key)).length)
}

async function membersOf(world: World<'objects'>, runId: string): Promise<GroupMembers['members']> {
  const ref = { bucket: world.config.buckets.state, key: groupKeys.members(runId) }
  try {
    return (await readDocument<GroupMembers>(world.objects, ref)).members
  } catch (error) {
    if (isError(error, 'OBJECT_MISSING')) return []
    throw error
  }
}
