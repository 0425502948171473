/** What planning looks at of a dropped object, and whether it was loaded before. */
import { MillraceError } from '../../shared/errors.ts'
import type { Drop } from '../../shared/events.ts'
import { fromItem, recordKeys, type SourceObject, type SourceRecord } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { loadRun } from './rounds.ts'

/** User metadata of a drop that overrides the pipeline's partition size for this one object. */
export const partitionBytesMetadata = 'millrace-partition-bytes'

/** One HEAD and one ranged GET. Errors: SOURCE_CHANGED where the object is no longer the one of the event. */
export async function readHead(
  world: World,
  source: SourceObject,
  bytesMax: number,
): Promise<{ head: Buffer; partitionBytes?: number }> {
  const ref = { bucket: source.bucket, key: source.key }
  const info = await world.objects.head(ref, source.version)
  if (info === undefined || info.etag !== source.etag) {
    throw new MillraceError(
      'SOURCE_CHANGED',
      'the object was overwritten or deleted before it could be planned',
      {
        remedy: 'None if a newer version was dropped: that is a run of its own. Else drop the file again.',
      },
    )
  }
  const chunks: Buffer[] = []
  const range = { start: 0, end: Math.min(bytesMax, source.bytes) }
  const { etag, version } = source
  const body = await world.objects.read(ref, { range, etag, ...(version === undefined ? {} : { version }) })
  for await (const chunk of body) chunks.push(chunk as Buffer)
  const override = Number(info.metadata[partitionBytesMetadata])
  return {
    head: Buffer.concat(chunks),
    ...(Number.isSafeInteger(override) && override > 0 ? { partitionBytes: override } : {}),
  }
}

/** The run, not failed, that took the very same content under this key before; `undefined` where there is none. */
export async function earlierLoad(
  world: World,
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
