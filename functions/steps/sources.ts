/** What planning looks at of a dropped object, and whether it was loaded before. */
import { MillraceError } from '../../shared/errors.ts'
import type { Drop } from '../../shared/events.ts'
import { headBytesMax, type Look } from '../../shared/plan.ts'
import type { ByteRange } from '../../shared/ports.ts'
import { fromItem, recordKeys, type SourceObject, type SourceRecord } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { loadRun } from './rounds.ts'
import { readingOf } from './strange-buckets.ts'

/** User metadata of a drop that overrides the pipeline's partition size for this one object. */
export const partitionBytesMetadata = 'millrace-partition-bytes'

/** Requests that planning one object may make beyond its HEAD and the GET of its head. */
const looksMax = 64

/**
 * One HEAD and one ranged GET. Errors: SOURCE_CHANGED where the object is no longer the one of the event, and those
 * of `readingOf`.
 */
export async function lookAt(
  world: World<'objects'>,
  source: SourceObject,
): Promise<{ look: Look; partitionBytes?: number }> {
  const { bucket, key, version } = source
  const info = await readingOf(world, bucket, () => world.objects.head({ bucket, key }, version))
  if (info === undefined || info.etag !== source.etag) {
    throw new MillraceError(
      'SOURCE_CHANGED',
      'the object was overwritten or deleted before it could be planned',
      {
        remedy: 'None if a newer version was dropped: that is a run of its own. Else drop the file again.',
      },
    )
  }
  let looks = 0
  const read: Look['read'] = range => {
    if (++looks > looksMax)
      throw new MillraceError('INVARIANT_BROKEN', `Planning took over ${looksMax} reads`)
    return readingOf(world, bucket, () => readRange(world, source, range))
  }
  const head = await readingOf(world, bucket, () =>
    readRange(world, source, { start: 0, end: Math.min(headBytesMax, source.bytes) }),
  )
  const override = Number(info.metadata[partitionBytesMetadata])
  return {
    look: { source, head, read },
    ...(Number.isSafeInteger(override) && override > 0 ? { partitionBytes: override } : {}),
  }
}

/** A small range, whole. Errors: SOURCE_CHANGED and those of reading. */
export async function readRange(
  { objects }: Pick<World, 'objects'>,
  { bucket, key, etag, version }: SourceObject,
  range: ByteRange,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  const identity = { etag, ...(version === undefined ? {} : { version }) }
  for await (const chunk of await objects.read({ bucket, key }, { range, ...identity })) {
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

/** The run, not failed, that took the very same content under this key before; `undefined` where there is none. */
export async function earlierLoad(
  world: World<'records'>,
  runId: string,
  { source }: Drop,
): Promise<SourceRecord | undefined> {
  const item = await world.records.get(recordKeys.content(source, source.etag))
  if (item === undefined) return undefined
  const earlier = fromItem<SourceRecord>(item)
  if (earlier.runId === runId || earlier.bytes !== source.bytes) return undefined
  const run = await loadRun(world, earlier.runId)
  const lost: RunState[] = [RunState.FAILED, RunState.REFUSED, RunState.CANCELLED]
  return run === undefined || lost.includes(run.state) ? undefined : earlier
}
