/** A small object joins the open group of its pipeline. */
import { createHash } from 'node:crypto'
import { MillraceError } from '../../shared/errors.ts'
import type { Drop } from '../../shared/events.ts'
import {
  type GroupMember,
  type GroupRecord,
  groupKeys,
  groupSource,
  openGroupIndex,
  openGroupsPk,
} from '../../shared/groups.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { runIdOf } from '../../shared/plan.ts'
import type { OwnEvent } from '../../shared/ports.ts'
import { fromItem, toItem } from '../../shared/records.ts'
import { EventType, GroupState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'

const triesMax = 50
const memberKeptSeconds = 90 * 24 * 60 * 60
const revivedMax = 100

type Limits = NonNullable<Pipeline['source']['group']>

/**
 * First it becomes a member, then it takes a place: whoever closes the group has seen every member that has one.
 * One that comes too late for a place joins the next group too; the ledger then says which of the two has it.
 */
export async function joinGroup(
  world: World<'records' | 'bus'>,
  pipeline: Pipeline,
  limits: Limits,
  drop: Drop,
): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    const group = await newestGroup(world, pipeline.name)
    await world.records.put(memberItem(world, pipeline.name, group, drop))
    if (await takePlace(world, { pipeline: pipeline.name, group }, limits, drop.source.bytes)) return
  }
  throw new MillraceError('TEMPORARY_FAILURE', `${triesMax} groups of ${pipeline.name} were full at once`)
}

/** Of groups there are ever more; this is the last that anybody has opened, or may open. */
export async function newestGroup(world: Pick<World, 'records'>, pipeline: string): Promise<number> {
  const now = await world.records.get(groupKeys.now(pipeline))
  return Number(now?.group ?? 0)
}

function memberItem(
  world: Pick<World, 'clock'>,
  pipeline: string,
  group: number,
  { source, identity }: Drop,
) {
  const expiresAt = Math.floor(world.clock.now() / 1000) + memberKeptSeconds
  const member: GroupMember = { ...source, identity, expiresAt }
  const sk = createHash('sha256')
    .update(JSON.stringify([source.key, identity]))
    .digest('hex')
  return toItem({ pk: groupKeys.membersPk(pipeline, group), sk }, member)
}

type Which = Pick<GroupRecord, 'pipeline' | 'group'>

/** @returns false where the group is full or closed, or was opened by somebody else just now */
async function takePlace(
  world: World<'records' | 'bus'>,
  which: Which,
  limits: Limits,
  bytes: number,
): Promise<boolean> {
  const key = groupKeys.group(which.pipeline, which.group)
  const room = { objects: { atMost: limits.objects - 1 }, bytes: { atMost: limits.bytes - bytes } }
  const guard = [{ state: { is: GroupState.OPEN }, ...room }]
  const taken = await world.records.update(key, { add: { objects: 1, bytes } }, guard)
  if (taken.ok) {
    const record = fromItem<GroupRecord>(taken.item)
    if (isFull(record, limits) || record.dueAt <= world.clock.now()) await publishGroupDue(world, record)
    return true
  }
  if (taken.item === undefined) return openGroup(world, which, limits, bytes)
  const record = fromItem<GroupRecord>(taken.item)
  await advance(world, which)
  if (record.state === GroupState.OPEN) await publishGroupDue(world, record)
  return false
}

async function openGroup(
  world: World<'records' | 'bus'>,
  which: Which,
  limits: Limits,
  bytes: number,
): Promise<boolean> {
  const dueAt = world.clock.now() + limits.seconds * 1000
  const record: GroupRecord = { ...which, state: GroupState.OPEN, objects: 1, bytes, dueAt }
  const key = groupKeys.group(which.pipeline, which.group)
  const item = toItem(key, record, openGroupIndex(record))
  const opened = await world.records.put(item, [{ state: { absent: true } }])
  if (opened.ok) {
    await (isFull(record, limits) ? publishGroupDue(world, record) : publishGroupDueAt(world, record, dueAt))
  }
  return opened.ok
}

export function isFull({ objects, bytes }: GroupRecord, limits: Limits): boolean {
  return objects >= limits.objects || bytes >= limits.bytes
}

async function advance(world: World<'records'>, { pipeline, group }: Which): Promise<void> {
  const guard = [{ group: { is: group } }, ...(group === 0 ? [{ group: { absent: true } as const }] : [])]
  await world.records.update(groupKeys.now(pipeline), { set: { group: group + 1 } }, guard)
}

export function groupRunId(world: Pick<World, 'config'>, { pipeline, group }: Which): string {
  return runIdOf(pipeline, groupSource(world.config.buckets.drops, pipeline, group), '')
}

export async function publishGroupDue(world: World<'publish'>, which: Which): Promise<void> {
  await world.bus.publish(groupDue(world, which))
}

/** @param dueAt epoch ms */
export async function publishGroupDueAt(world: World<'bus'>, which: Which, dueAt: number): Promise<void> {
  await world.bus.publishAt(groupDue(world, which), dueAt)
}

function groupDue(world: Pick<World, 'config'>, { pipeline, group }: Which): OwnEvent {
  const runId = groupRunId(world, { pipeline, group })
  return { type: EventType.groupDue, detail: { runId, pipeline, group } }
}

/** Groups that nobody closed when they were due: the event was lost, or its sender died. */
export async function reviveGroups(world: World<'records' | 'publish'>, graceMs: number): Promise<void> {
  const query = { index: 'open' as const, pk: openGroupsPk, limit: revivedMax }
  const { items } = await world.records.query(query)
  const overdue = items
    .map(item => fromItem<GroupRecord>(item))
    .filter(({ dueAt }) => dueAt + graceMs < world.clock.now())
  for (const record of overdue) await publishGroupDue(world, record)
}
