/** What a command finds in its environment: ours, and of the container's all that is not Millrace's own. */
import type { Environment } from '../../shared/config.ts'
import type { RunDocument } from '../../shared/documents.ts'
import type { Attempt } from '../attempt.ts'

type Known = Pick<Attempt, 'run' | 'assignment' | 'fence'>

export function commandVariables(
  environment: Environment,
  { run, assignment, fence }: Known,
  checkpointDir: string,
): Record<string, string> {
  return {
    ...variablesBeside(environment, run, assignment.partition),
    MILLRACE_ATTEMPT: String(fence),
    MILLRACE_CHECKPOINT_DIR: checkpointDir,
  }
}

/** Of every node of a job; the main one has an attempt as well, and a place to save. */
export function variablesBeside(
  environment: Environment,
  run: RunDocument,
  partition: number,
): Record<string, string> {
  const others = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('MILLRACE_'),
  )
  const node = environment.AWS_BATCH_JOB_NODE_INDEX
  return {
    ...Object.fromEntries(others),
    MILLRACE_RUN_ID: run.runId,
    MILLRACE_PIPELINE: run.pipeline.name,
    MILLRACE_PARTITION: String(partition),
    MILLRACE_SOURCE_KEY: run.source.key,
    ...(node === undefined ? {} : { MILLRACE_NODE_INDEX: node }),
  }
}
