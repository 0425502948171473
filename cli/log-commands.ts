/** Where the lines of a run are in CloudWatch Logs, as commands of the AWS CLI that print them. Pure. */
import type { PartitionRecord } from '../shared/records.ts'
import { functionNames } from '../shared/vocabulary.ts'

const lines = "--query 'events[].message' --output text"

/** What the functions said of a run; with a loop of the shell, since each function has a log group of its own. */
export function functionsCommand(stage: string, runId: string, sinceMs: number): string {
  const group = `/aws/lambda/millrace-${stage}-$name`
  const found = `--start-time ${sinceMs} --filter-pattern '"${runId}"' ${lines}`
  return `for name in ${functionNames.join(' ')}; do aws logs filter-log-events --log-group-name "${group}" ${found}; done`
}

export interface AttemptCommand {
  partition: number
  round: number
  jobAttempt: number
  jobId: string
  command: string
}

/** What each attempt of these partitions said: Batch names the stream of an attempt that has ended. */
export function attemptCommands(stage: string, records: readonly PartitionRecord[]): AttemptCommand[] {
  return records.flatMap(({ partition, claims = [] }) =>
    claims.map(({ jobId, jobAttempt, round }) => {
      const named = `jobs[0].attempts[${jobAttempt - 1}].container.logStreamName`
      const stream = `"$(aws batch describe-jobs --jobs '${jobId}' --query '${named}' --output text)"`
      const group = `--log-group-name /millrace/${stage}/worker`
      const command = `aws logs get-log-events --start-from-head ${group} --log-stream-name ${stream} ${lines}`
      return { partition, round, jobAttempt, jobId, command }
    }),
  )
}
