/** A list of objects, planned as one run. */
import type { ObjectList, RunDocument } from '../../shared/documents.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { blocksPartitionBytes } from '../../shared/plan/compression.ts'
import { partitionBytesFor } from '../../shared/plan/nodes.ts'
import { packed, planOfList, type RunObject, targetBytesOf } from '../../shared/plan/objects.ts'
import { isRefusal, type Refusal } from '../../shared/plan/refusal.ts'
import { cutsOf, partitionsMax, planRun } from '../../shared/plan.ts'
import { childrenPerArrayMax, type SourceObject } from '../../shared/records.ts'
import type { World } from '../../shared/world.ts'
import { pagesOfList } from './object-list.ts'
import { lookAt } from './sources.ts'

/** A list as it was written, with the object from which its run is planned. */
export interface WrittenList {
  list: ObjectList
  first: RunObject
}

/**
 * Dialect, encoding and columns are those of the first object that holds anything.
 * Errors: SOURCE_CHANGED where that one is another by now, and those of reading.
 */
export async function planObjects(
  world: World<'objects'>,
  runId: string,
  pipeline: Pipeline,
  source: SourceObject,
  written: WrittenList | undefined,
  partitionBytes?: number,
): Promise<RunDocument | Refusal> {
  if (written === undefined) return emptyList()
  const { list, first } = written
  const { look } = await lookAt(world, { ...first, bucket: first.bucket ?? source.bucket })
  // Where it alone is planned does not matter: as one of many it is cut, if at all, by its place.
  const one = await planRun(runId, pipeline, look, Math.max(1, first.bytes))
  if (isRefusal(one)) return one
  const wanted = partitionBytesFor(pipeline, partitionBytes) ?? compressedDefault(one, list)
  const cuts = cutsOf(list.bytes, wanted)
  if (isRefusal(cuts)) return cuts
  const run = planOfList(one, source, list, { ...cuts, partitionBytes: targetBytesOf(list.bytes, cuts) })
  const partitions = await countPartitions(world, run)
  return partitions > partitionsMax ? tooManyObjects(partitions) : { ...run, partitions }
}

/** Compressed bytes are several times as much work; `undefined`: as for any other source. */
function compressedDefault({ layout }: RunDocument, { bytes }: ObjectList): number | undefined {
  if (layout.compression === 'none') return undefined
  return Math.max(blocksPartitionBytes, Math.ceil(bytes / childrenPerArrayMax))
}

async function countPartitions(world: World<'objects'>, run: RunDocument): Promise<number> {
  let last = -1
  for await (const { partition } of packed(run, pagesOfList(world, run))) last = partition
  return last + 1
}

function tooManyObjects(partitions: number): Refusal {
  return {
    code: 'TOO_MANY_PARTITIONS',
    words: `the list would be ${partitions} partitions; at most ${partitionsMax} are allowed`,
    remedy: 'Set split.partitionBytes to more, or load shorter lists one by one.',
  }
}

function emptyList(): Refusal {
  return {
    code: 'LIST_EMPTY',
    words: 'the list names no object',
    remedy: 'Check its prefix and its include and exclude patterns.',
  }
}
