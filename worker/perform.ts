/** Which work an attempt is: by the stage of its round, then by the format of its run. */
import { isCommand } from '../shared/pipeline/work.ts'
import type { Report } from '../shared/records.ts'
import { Stage } from '../shared/vocabulary.ts'
import { type Attempt, work } from './attempt.ts'

/** Errors: those of the work. */
export async function perform(attempt: Attempt): Promise<Report> {
  if (attempt.stage === Stage.split) return (await import('./split/split.ts')).split(attempt)
  if (attempt.stage === Stage.merge) return (await import('./merge/merge.ts')).merge(attempt)
  if (attempt.run.layout.format === 'parquet') {
    return (await import('./parquet/work.ts')).workParquet(attempt)
  }
  const report = await work(attempt)
  const { work: what } = attempt.run.pipeline
  if (isCommand(what) && what.command.length > 0) {
    await (await import('./command/checkpoint.ts')).forgetCheckpoints(attempt)
  }
  return report
}
