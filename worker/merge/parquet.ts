/** Parquet files of one run as one, their rows one behind the other. */
import type { Pipeline } from '../../shared/pipeline.ts'
import type { Session } from '../duckdb/session.ts'
import { literal } from '../duckdb/text.ts'
import { copyOptions, recordsIn } from '../duckdb/write.ts'

/** Answers the rows of `file`, by its footer. Errors: WORK_FAILED with DuckDB's words. */
export async function mergeParquet(
  session: Session,
  inputs: readonly string[],
  file: string,
  output: Pipeline['output'],
): Promise<number> {
  const list = inputs.map(literal).join(', ')
  const select = `FROM read_parquet([${list}], hive_partitioning = false, union_by_name = false)`
  await session.run(`COPY (${select}) TO ${literal(file)} (${copyOptions(output).join(', ')})`)
  return recordsIn(session, file, output)
}
