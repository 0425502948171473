/** Which small files of a run become larger ones before it is published. Pure. */
import { outputKeys, type RunDocument, stageBase } from './documents.ts'
import type { OutputObject, PartitionRecord } from './records.ts'

/** One task fetches no more files than this, whatever their size. */
export const inputsPerMergeMax = 1000

/** What one task of the merge stage makes one file of. */
export interface MergeTask {
  /** From 0. */
  merge: number
  /** Its number among the run's tasks: `stageBase.merge + merge`. */
  partition: number
  /** `day=2024-01-31/`, or '' where the output is not partitioned. */
  folder: string
  /** Two or more, in the order of their records. */
  inputs: OutputObject[]
}

/**
 * Groups what lies in one folder, in order of partition, into files of at most `output.targetFileBytes`. Files of at
 * least half of that stay as they are, and no group reaches across one: the records keep their order.
 *
 * @param partitions of the work stage, in order; each one SUCCEEDED
 * @returns the same tasks for the same partitions; none where nothing is gained
 */
export function mergesOf(run: RunDocument, partitions: readonly PartitionRecord[]): MergeTask[] {
  const { targetFileBytes, prefix } = run.pipeline.output
  if (targetFileBytes === undefined) return []
  const runPrefix = outputKeys.runPrefix(prefix, run.runId)
  const outputs = partitions.flatMap(({ report }) => report?.outputs ?? [])
  const folders = Map.groupBy(outputs, ({ key }) => key.slice(runPrefix.length, key.lastIndexOf('/') + 1))
  return [...folders]
    .flatMap(([folder, files]) => groupsOf(files, targetFileBytes).map(inputs => ({ folder, inputs })))
    .map((group, merge) => ({ merge, partition: stageBase.merge + merge, ...group }))
}

function groupsOf(files: readonly OutputObject[], targetFileBytes: number): OutputObject[][] {
  const groups: OutputObject[][] = []
  let group: OutputObject[] = []
  let bytes = 0
  for (const file of files) {
    const large = file.bytes >= targetFileBytes / 2
    if (large || bytes + file.bytes > targetFileBytes || group.length === inputsPerMergeMax) {
      groups.push(group)
      group = []
      bytes = 0
    }
    if (large) continue
    group.push(file)
    bytes += file.bytes
  }
  return [...groups, group].filter(({ length }) => length > 1)
}
