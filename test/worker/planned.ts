/** A run as planning plans it, on ports in memory; what planning and the worker read of the object is noted. */

import { stateKeys } from '../../shared/documents.ts'
import { createMemoryObjects } from '../../shared/memory/objects.ts'
import { createMemoryRecords } from '../../shared/memory/records.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { isRefusal, type Refusal } from '../../shared/plan/refusal.ts'
import { firstRound, headBytesMax, planRun } from '../../shared/plan.ts'
import type { ByteRange, Objects } from '../../shared/ports.ts'
import { buckets, type Given, runId, steppingClock } from './given.ts'

export interface PlannedOptions {
  content: Buffer
  source: Record<string, unknown>
  sql?: string
  rejectedRecords?: number
  partitionBytes?: number
  key?: string
}

export interface PlannedRun extends Given {
  /** Ranges that planning asked for beyond the head. */
  looked: ByteRange[]
  /** Ranges of the object that workers asked for. */
  read: ByteRange[]
}

/** What planning says of these bytes. */
export async function plannedRun(options: PlannedOptions): Promise<PlannedRun | Refusal> {
  const content = Buffer.from(options.content)
  const objects = createMemoryObjects({ versioned: true })
  const ref = { bucket: buckets.drops, key: options.key ?? 'in/file' }
  const { bytes, etag, version } = await objects.write(ref, content)
  const pipeline = parsePipeline(
    {
      name: 'given',
      source: { prefix: 'in/', ...options.source },
      work: { sql: options.sql ?? 'SELECT * FROM input' },
      output: { prefix: 'out/' },
      tolerate: { rejectedRecords: options.rejectedRecords ?? 0 },
    },
    'given',
  )
  const looked: ByteRange[] = []
  const look = {
    source: { ...ref, bytes, etag, ...(version ? { version } : {}) },
    head: content.subarray(0, headBytesMax),
    read: async (range: ByteRange) => {
      looked.push(range)
      return content.subarray(range.start, range.end)
    },
  }
  const run = await planRun(runId, pipeline, look, options.partitionBytes)
  if (isRefusal(run)) return run
  const put = (key: string, document: unknown) =>
    objects.write({ bucket: buckets.state, key }, Buffer.from(JSON.stringify(document)))
  const pages = [...firstRound(run)]
  await put(stateKeys.run(runId), run)
  for (const page of pages) await put(stateKeys.assignments(runId, 1, page.page), page)
  const read: ByteRange[] = []
  return {
    objects: noting(objects, read),
    records: createMemoryRecords(),
    clock: steppingClock(),
    run,
    assignments: pages.flatMap(({ assignments }) => assignments),
    content,
    ref,
    looked,
    read,
  }
}

/** One that planning takes. */
export async function plannedAndTaken(options: PlannedOptions): Promise<PlannedRun> {
  const planned = await plannedRun(options)
  if (isRefusal(planned)) throw new Error(`${planned.code}: ${planned.words}`)
  return planned
}

export async function refusalOf(options: PlannedOptions): Promise<Refusal> {
  const planned = await plannedRun(options)
  if (isRefusal(planned)) return planned
  throw new Error('The object is taken')
}

function noting(objects: Objects, read: ByteRange[]): Objects {
  return {
    ...objects,
    read: (ref, options) => {
      if (ref.bucket === buckets.drops && options?.range) read.push(options.range)
      return objects.read(ref, options)
    },
  }
}
