/** Small objects that are dropped close to one another and become one run. Pure. */
import type { Drop } from './events.ts'
import type { Pipeline } from './pipeline.ts'
import type { ObjectRef } from './ports.ts'
import { padded, type SourceObject } from './records.ts'
import { groupsPrefix, ticksPrefix } from './reserved.ts'
import type { RecordKey } from './table.ts'
import type { GroupState } from './vocabulary.ts'

/** `GROUP#<pipeline>` / `GROUP#<number>` */
export interface GroupRecord {
  pipeline: string
  group: number
  state: GroupState
  /** Drops that took a place, repeated ones included. */
  objects: number
  bytes: number
  /** Epoch ms. */
  dueAt: number
}

/** `MEMBERS#<pipeline>#<group>` / one for each drop: repeating it changes nothing. */
export interface GroupMember extends SourceObject {
  identity: string
  /** Epoch seconds: long after its group is closed, nobody asks any more. */
  expiresAt: number
}

/** `runs/<runId>/members.json`: who was there when the group was closed, or at the tick, once and for all. */
export interface GroupMembers {
  members: (Drop & { gone?: true })[]
  /** Of a tick: what stands for it as the source of its run. */
  place?: ObjectRef
}

export const groupKeys = {
  now: (pipeline: string): RecordKey => ({ pk: `GROUP#${pipeline}`, sk: 'NOW' }),
  group: (pipeline: string, group: number): RecordKey => ({
    pk: `GROUP#${pipeline}`,
    sk: `GROUP#${padded(group, 12)}`,
  }),
  membersPk: (pipeline: string, group: number): string => `MEMBERS#${pipeline}#${padded(group, 12)}`,
  members: (runId: string): string => `runs/${runId}/members.json`,
}

/** Where reconcile finds groups that are not done, soonest due first. */
export const openGroupsPk = 'GROUPS'

export function openGroupIndex({
  pipeline,
  group,
  dueAt,
}: Pick<GroupRecord, 'pipeline' | 'group' | 'dueAt'>) {
  return { open: openGroupsPk, openSk: `${padded(dueAt, 15)}#${pipeline}#${padded(group, 12)}` }
}

const largeBytesDefault = 256 * 1024 ** 2

/** Does the drop wait for others? Large objects go their own way. */
export function isGrouped(pipeline: Pipeline, { source: { bytes } }: Drop): boolean {
  const { source, split } = pipeline
  if (source.group === undefined) return false
  return bytes <= Math.min(source.group.bytes, split.partitionBytes ?? largeBytesDefault)
}

/** Is the source of a run a group of objects, or those of a tick, by the key that stands for it? */
export function isGroupSource(
  { bucket, key }: { bucket: string; key: string },
  dropsBucket: string,
): boolean {
  return bucket === dropsBucket && (key.startsWith(groupsPrefix) || key.startsWith(ticksPrefix))
}

/** What stands for a group where a run has its source: no object has this key. */
export function groupSource(
  bucket: string,
  pipeline: string,
  group: number,
): { bucket: string; key: string } {
  return { bucket, key: `${groupsPrefix}${pipeline}/${padded(group, 12)}` }
}
