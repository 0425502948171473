/** Objects that wait in a group: the ledger gets their entries when the group is closed. */
import { type GroupMember, type GroupRecord, groupKeys, openGroupsPk } from '../../shared/groups.ts'
import { fromItem, type SourceObject } from '../../shared/records.ts'
import type { World } from '../../shared/world.ts'

export interface Waiting {
  has(source: SourceObject): boolean
}

export async function waitingInGroups(world: World, pipeline: string): Promise<Waiting> {
  const names = new Set<string>()
  for await (const group of openGroups(world, pipeline)) {
    for await (const member of membersOf(world, pipeline, group)) names.add(nameOf(member))
  }
  return { has: source => names.has(nameOf(source)) }
}

function nameOf({ key, version, etag }: SourceObject): string {
  return JSON.stringify([key, version ?? etag])
}

async function* openGroups(world: World, pipeline: string): AsyncGenerator<number> {
  let after: string | undefined
  do {
    const query = { index: 'open' as const, pk: openGroupsPk, ...(after === undefined ? {} : { after }) }
    const { items, next } = await world.records.query(query)
    const groups = items.map(item => fromItem<GroupRecord>(item))
    yield* groups.filter(one => one.pipeline === pipeline).map(({ group }) => group)
    after = next
  } while (after !== undefined)
}

async function* membersOf(world: World, pipeline: string, group: number): AsyncGenerator<GroupMember> {
  let after: string | undefined
  do {
    const query = { pk: groupKeys.membersPk(pipeline, group), ...(after === undefined ? {} : { after }) }
    const { items, next } = await world.records.query(query)
    yield* items.map(item => fromItem<GroupMember>(item))
    after = next
  } while (after !== undefined)
}
