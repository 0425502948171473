/** What a stand-in worker does in the stages before and after the work itself. */
import { hash } from 'node:crypto'
import { outputKeys, stateKeys } from '../shared/documents.ts'
import type { MergeTask } from '../shared/merge.ts'
import type { Report } from '../shared/records.ts'
import type { Attempt } from '../worker/attempt.ts'
import { split } from '../worker/split/split.ts'
import { readBytes } from './proof.ts'

/** The real splitter: it needs no DuckDB. */
export const splitting = (attempt: Attempt): Promise<Report> => split(attempt)

/** The inputs one behind the other. */
export async function merging(attempt: Attempt & { merge: number }): Promise<Report> {
  const { objects, buckets, run, fence, outputs, merge } = attempt
  const key = stateKeys.merge(run.runId, merge)
  const document = (await readBytes(objects, buckets.state, key)).toString()
  const { inputs } = JSON.parse(document) as MergeTask
  const parts: Buffer[] = []
  for (const input of inputs) parts.push(await readBytes(objects, buckets.output, input.key))
  const records = inputs.reduce((sum, input) => sum + input.records, 0)
  const prefix = outputKeys.runPrefix(run.pipeline.output.prefix, run.runId)
  await publishable(attempt, `${prefix}${outputKeys.merged(merge, fence)}`, Buffer.concat(parts), records)
  return { recordsRead: records, recordsRejected: 0, recordsWritten: records, outputs }
}

/** Noted before it is written, as the worker does. */
export async function publishable(
  { objects, buckets, outputs }: Pick<Attempt, 'objects' | 'buckets' | 'outputs'>,
  key: string,
  bytes: Buffer,
  records: number,
): Promise<void> {
  const sha256 = hash('sha256', bytes, 'hex')
  outputs.push({ key, bytes: bytes.length, sha256, records })
  await objects.write({ bucket: buckets.output, key }, bytes)
}
