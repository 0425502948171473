/** What a command finds in its environment: ours, and of the container's all that is not Millrace's own. */
import type { Environment } from '../../shared/config.ts'
import type { Attempt } from '../attempt.ts'

type Known = Pick<Attempt, 'run' | 'assignment' | 'fence'>

export function commandVariables(
  environment: Environment,
  { run, assignment, fence }: Known,
  checkpointDir: string,
): Record<string, string> {
  const others = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('MILLRACE_'),
  )
  return {
    ...Object.fromEntries(others),
    MILLRACE_RUN_ID: run.runId,
    MILLRACE_PIPELINE: run.pipeline.name,
    MILLRACE_PARTITION: String(assignment.partition),
    MILLRACE_ATTEMPT: String(fence),
    MILLRACE_SOURCE_KEY: run.source.key,
    MILLRACE_CHECKPOINT_DIR: checkpointDir,
  }
}
