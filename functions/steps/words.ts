/** What a message about a run needs to know. */

import type { RunDocument } from '../../shared/documents.ts'
import { stateKeys } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import type { RunRecord } from '../../shared/records.ts'
import { failureGroups } from '../../shared/slack/failure-groups.ts'
import type { RunDetails } from '../../shared/slack/message.ts'
import { stageOf } from '../../shared/stages.ts'
import { Stage } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { readDocument } from './documents.ts'
import { partitionsOf } from './gather.ts'

/** As frozen in the run; a REFUSED run has nothing frozen, so its pipeline as it stands. */
export async function notifyOf(world: World<'objects'>, run: RunRecord): Promise<Pipeline['notify']> {
  const ref = { bucket: world.config.buckets.state, key: stateKeys.run(run.runId) }
  try {
    return (await readDocument<RunDocument>(world.objects, ref)).pipeline.notify
  } catch (error) {
    if (!isError(error, 'OBJECT_MISSING')) throw error
    return world.pipelines.find(({ name }) => name === run.pipeline)?.notify ?? { on: [] }
  }
}

/** Partitions by state, and failures of the run's stage by fingerprint, the most frequent first. */
export async function detailsOf(world: World<'records'>, run: RunRecord): Promise<RunDetails> {
  const records = await partitionsOf(world, run)
  const stage = stageOf(run)
  const tasks = stage === Stage.work ? records : await partitionsOf(world, run, stage)
  const partitions: RunDetails['partitions'] = {}
  for (const { state } of records) partitions[state] = (partitions[state] ?? 0) + 1
  return { partitions, failures: failureGroups(tasks), stage: world.config.stage }
}
