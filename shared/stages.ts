/** The tasks of each stage of a run: how many, how they are numbered, and what each was first told. Pure. */
import { type Assignment, type RunDocument, stageBase } from './documents.ts'
import { cut } from './plan.ts'
import type { RunRecord } from './records.ts'
import { Stage } from './vocabulary.ts'

export type StagedRun = Pick<RunRecord, 'partitions' | 'merges'>

export const stageOf = ({ stage }: { stage?: Stage }): Stage => stage ?? Stage.work

export function taskCount(run: StagedRun, stage: Stage): number {
  if (stage === Stage.split) return 1
  return stage === Stage.merge ? (run.merges ?? 0) : run.partitions
}

/** As a person reads it. */
export function taskName(task: number): string {
  if (task >= stageBase.split) return 'the split'
  return task >= stageBase.merge ? `merge ${task - stageBase.merge}` : `partition ${task}`
}

/** What a task was told when its stage was opened. `planned`: where no arithmetic cuts the partitions. */
export function plannedTask(
  document: RunDocument,
  task: number,
  planned?: ReadonlyMap<number, Assignment>,
): Assignment {
  if (task >= stageBase.split) return { partition: task, start: 0, end: document.source.bytes }
  if (task >= stageBase.merge) return mergeAssignment(task)
  return planned?.get(task) ?? cut(document, task)
}

/** What it merges is in the document of its number. */
export function mergeAssignment(partition: number): Assignment {
  return { partition, start: 0, end: 0 }
}
