/** A group is due, or full: whoever is in it becomes one run. */
import { isError } from '../../shared/errors.ts'
import { type Drop, parseOwnEvent } from '../../shared/events.ts'
import {
  type GroupMember,
  type GroupMembers,
  type GroupRecord,
  groupKeys,
  groupSource,
} from '../../shared/groups.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { fromItem } from '../../shared/records.ts'
import { byUtf8 } from '../../shared/table-rules.ts'
import { GroupState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { freeze } from './documents.ts'
import { groupRunId, isFull, newestGroup, publishGroupDueAt } from './groups.ts'
import { reopen } from './register.ts'
import { registerDrops } from './register-drops.ts'
import { loadRun } from './rounds.ts'
import { readingOf } from './strange-buckets.ts'
import { inTurns } from './turns.ts'

type Needs = World<'objects' | 'records' | 'bus'>

/** @param takeAlone makes a run of one drop: it says what has become of an object that is gone */
export async function closeGroup(
  world: Needs,
  event: unknown,
  takeAlone: (world: Needs, pipeline: Pipeline, drop: Drop) => Promise<void>,
): Promise<void> {
  const { pipeline: name, group = 0 } = parseOwnEvent(event)
  const pipeline = world.pipelines.find(one => one.name === name)
  if (!pipeline) return world.log.error('a group of a pipeline that is no more', { pipeline: name, group })
  if (!(await close(world, pipeline, group))) return
  const runId = groupRunId(world, { pipeline: name, group })
  const known = await loadRun(world, runId)
  if (known) await reopen(world, known)
  else await registerGroup(world, pipeline, { runId, group }, takeAlone)
  const change = { set: { state: GroupState.DONE }, remove: ['open', 'openSk'] }
  await world.records.update(groupKeys.group(name, group), change, [{ state: { is: GroupState.CLOSED } }])
}

/** @returns false where it is not due yet, or done */
async function close(
  world: World<'records' | 'bus'>,
  { name, source }: Pipeline,
  group: number,
): Promise<boolean> {
  const key = groupKeys.group(name, group)
  const item = await world.records.get(key)
  if (item === undefined) return false
  const record = fromItem<GroupRecord>(item)
  if (record.state !== GroupState.OPEN) return record.state === GroupState.CLOSED
  const full = source.group === undefined || isFull(record, source.group)
  const due = full || record.dueAt <= world.clock.now() || (await newestGroup(world, name)) > group
  if (!due) {
    await publishGroupDueAt(world, record, record.dueAt)
    return false
  }
  const open = [{ state: { oneOf: [GroupState.OPEN, GroupState.CLOSED] } }]
  return (await world.records.update(key, { set: { state: GroupState.CLOSED } }, open)).ok
}

async function registerGroup(
  world: Needs,
  pipeline: Pipeline,
  { runId, group }: { runId: string; group: number },
  takeAlone: (world: Needs, pipeline: Pipeline, drop: Drop) => Promise<void>,
): Promise<void> {
  const { members } = await membersOf(world, pipeline.name, group, runId)
  for (const { gone, ...drop } of members) if (gone) await takeAlone(world, pipeline, drop)
  const there = members.filter(({ gone }) => !gone)
  const place = groupSource(world.config.buckets.drops, pipeline.name, group)
  await registerDrops(world, pipeline, { runId, place }, there)
}

/** As they were when the group was first looked at: later ones belong to the next. */
async function membersOf(
  world: World<'objects' | 'records'>,
  pipeline: string,
  group: number,
  runId: string,
): Promise<GroupMembers> {
  const found: Drop[] = []
  let after: string | undefined
  do {
    const query = { pk: groupKeys.membersPk(pipeline, group), ...(after === undefined ? {} : { after }) }
    const { items, next } = await world.records.query(query)
    for (const item of items) found.push(dropOf(fromItem<GroupMember>(item)))
    after = next
  } while (after !== undefined)
  const there = await inTurns(found, drop => isThere(world, drop))
  const members = found
    .map((drop, at) => (there[at] ? drop : { ...drop, gone: true as const }))
    .toSorted((a, b) => byUtf8(a.source.key, b.source.key) || byUtf8(a.identity, b.identity))
  const ref = { bucket: world.config.buckets.state, key: groupKeys.members(runId) }
  return freeze<GroupMembers>(world.objects, ref, { members })
}

function dropOf({ bucket, key, bytes, etag, version, identity }: GroupMember): Drop {
  return { source: { bucket, key, bytes, etag, ...(version === undefined ? {} : { version }) }, identity }
}

async function isThere(world: World<'objects'>, { source }: Drop): Promise<boolean> {
  const { bucket, key, version, etag } = source
  try {
    const info = await readingOf(world, bucket, () => world.objects.head({ bucket, key }, version))
    return info?.etag === etag
  } catch (error) {
    // Its own run says why.
    if (isError(error, 'BAD_INPUT')) return false
    throw error
  }
}
