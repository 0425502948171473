/** A run over a list of objects, planned from the first of them as planning does, on ports in memory. */
import assert from 'node:assert/strict'
import { stateKeys } from '../../shared/documents.ts'
import { createMemoryObjects } from '../../shared/memory/objects.ts'
import { createMemoryRecords } from '../../shared/memory/records.ts'
import { PartitionPlan } from '../../shared/partition-plan.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import {
  objectKeys,
  packedRound,
  placedObjects,
  planOfList,
  type RunObject,
} from '../../shared/plan/objects.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { headBytesMax, planRun } from '../../shared/plan.ts'
import type { PartitionRecord } from '../../shared/records.ts'
import { miscuts } from '../../shared/tiling.ts'
import { buckets, type Given, runId, steppingClock, worked } from './given.ts'

export interface ListedOptions {
  contents: Record<string, Buffer>
  source: Record<string, unknown>
  sql?: string
  /** In place of `sql`. */
  work?: Record<string, unknown>
  rejectedRecords?: number
  partitionBytes?: number
}

const objectsPerPage = 2

export async function listedRun(options: ListedOptions): Promise<Given> {
  const objects = createMemoryObjects({ versioned: true })
  const listed: RunObject[] = []
  for (const [key, content] of Object.entries(options.contents)) {
    const { bytes, etag, version } = await objects.write({ bucket: buckets.drops, key }, content)
    listed.push({ key, bytes, etag, ...(version === undefined ? {} : { version }) })
  }
  const first = listed.find(({ bytes }) => bytes > 0)
  assert.ok(first)
  const content = Buffer.from(options.contents[first.key] ?? '')
  const pipeline = parsePipeline(
    {
      name: 'given',
      source: { prefix: 'in/', ...options.source },
      work: options.work ?? { sql: options.sql ?? 'SELECT * FROM input' },
      output: { prefix: 'out/' },
      tolerate: { rejectedRecords: options.rejectedRecords ?? 0 },
    },
    'given',
  )
  const look = {
    source: { bucket: buckets.drops, ...first },
    head: content.subarray(0, headBytesMax),
    read: async ({ start, end }: { start: number; end: number }) => content.subarray(start, end),
  }
  const one = await planRun(runId, pipeline, look, first.bytes)
  if (isRefusal(one)) return assert.fail(`${one.code}: ${one.words}`)
  const bytes = listed.reduce((sum, object) => sum + object.bytes, 0)
  const pages = Math.ceil(listed.length / objectsPerPage)
  const list = { bucket: buckets.state, listing: 'l', objects: listed.length, bytes, pages }
  const manifest = { bucket: buckets.drops, key: '_manifests/given/all.json', bytes: 1, etag: 'm' }
  const cuts = { partitionBytes: options.partitionBytes ?? bytes, partitions: 0 }
  const run = planOfList(one, manifest, list, cuts)
  const put = (key: string, document: unknown) =>
    objects.write({ bucket: buckets.state, key }, Buffer.from(JSON.stringify(document)))
  await put(objectKeys.index(runId, 'l'), { pages: await Promise.all(pagesOf(listed, put)) })
  const [round] = await Array.fromAsync(packedRound(run, placed(listed)))
  assert.ok(round)
  const { assignments } = round
  const planned = { ...run, partitions: assignments.length }
  await put(stateKeys.run(runId), planned)
  await put(stateKeys.assignments(runId, 1, 0), round)
  const ref = { bucket: buckets.drops, key: manifest.key }
  return {
    objects,
    records: createMemoryRecords(),
    clock: steppingClock(),
    run: planned,
    assignments,
    content,
    ref,
  }
}

async function* placed(objects: RunObject[]) {
  yield placedObjects({ objects }, 0, 0)
}

function pagesOf(listed: RunObject[], put: (key: string, document: unknown) => Promise<unknown>) {
  return Array.from({ length: Math.ceil(listed.length / objectsPerPage) }, async (_, page) => {
    const objects = listed.slice(page * objectsPerPage, (page + 1) * objectsPerPage)
    await put(objectKeys.page(runId, 'l', page), { objects })
    return { page, objects: objects.length, bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0) }
  })
}

/** Works every partition and proves that they tile. */
export async function workedAll(given: Given): Promise<PartitionRecord[]> {
  const partitions: PartitionRecord[] = []
  for (let index = 0; index < given.run.partitions; index++) {
    const { exitCode, partition, log } = await worked(given, { index })
    assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
    assert.ok(partition)
    partitions.push(partition)
  }
  const planned = new Map(given.assignments.entries())
  assert.deepEqual(miscuts(given.run, partitions, false, new PartitionPlan(given.run, [], planned)), [])
  return partitions
}

/** How the only partition fails. */
export async function failureOf(given: Given) {
  const { partition } = await worked(given)
  const [failure] = partition?.failures ?? []
  assert.ok(failure, 'it does not fail')
  return failure
}
