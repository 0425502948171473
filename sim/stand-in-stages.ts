/** What a stand-in worker does in the stages before and after the work itself. */
import { createHash } from 'node:crypto'
import type { Config } from '../shared/config.ts'
import { outputKeys, type RunDocument, stateKeys } from '../shared/documents.ts'
import type { MergeTask } from '../shared/merge.ts'
import type { Ports } from '../shared/ports.ts'
import type { OutputObject, Report } from '../shared/records.ts'
import { createLog } from '../worker/log.ts'
import { split } from '../worker/split/split.ts'
import { readBytes } from './proof.ts'

interface Task {
  ports: Pick<Ports, 'objects' | 'clock'>
  config: Pick<Config, 'buckets'>
  run: RunDocument
  fence: number
  outputs: OutputObject[]
}

/** The real splitter: it needs no DuckDB. */
export function splitting({ ports, config, run }: Task): Promise<Report> {
  const log = createLog(ports.clock, () => undefined)
  return split({ objects: ports.objects, buckets: config.buckets, run, log, elapsedMs: () => 0 })
}

/** The inputs one behind the other. */
export async function merging(task: Task & { merge: number }): Promise<Report> {
  const { ports, config, run, fence, outputs, merge } = task
  const key = stateKeys.merge(run.runId, merge)
  const document = (await readBytes(ports.objects, config.buckets.state, key)).toString()
  const { inputs } = JSON.parse(document) as MergeTask
  const parts: Buffer[] = []
  for (const input of inputs) parts.push(await readBytes(ports.objects, config.buckets.output, input.key))
  const records = inputs.reduce((sum, input) => sum + input.records, 0)
  const prefix = outputKeys.runPrefix(run.pipeline.output.prefix, run.runId)
  await publishable(task, `${prefix}${outputKeys.merged(merge, fence)}`, Buffer.concat(parts), records)
  return { recordsRead: records, recordsRejected: 0, recordsWritten: records, outputs }
}

/** Noted before it is written, as the worker does. */
export async function publishable(
  { ports, config, outputs }: Pick<Task, 'ports' | 'config' | 'outputs'>,
  key: string,
  bytes: Buffer,
  records: number,
): Promise<void> {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  outputs.push({ key, bytes: bytes.length, sha256, records })
  await ports.objects.write({ bucket: config.buckets.output, key }, bytes)
}
