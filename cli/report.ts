/** A run as the command line tells of it. */

import { readDocument, runDocument } from '../functions/steps/documents.ts'
import { partitionsOf, tasksBeside } from '../functions/steps/gather.ts'
import { officialOutputs, setbacks } from '../shared/certificate.ts'
import { isError, MillraceError } from '../shared/errors.ts'
import type { Layout } from '../shared/layout.ts'
import { isOpen } from '../shared/lifecycle.ts'
import {
  fromItem,
  type OutputObject,
  type PartitionRecord,
  type RunRecord,
  recordKeys,
} from '../shared/records.ts'
import { PartitionState, type RunState } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'

/** What `--json` prints of a run. */
export interface RunReport {
  runId: string
  pipeline: string
  status: RunState
  source: string
  /** What the source is a list of; absent: it is one object. */
  objects?: NonNullable<RunRecord['objects']>
  /** How the first object's columns differ from the pipeline's; absent: they do not. */
  drift?: NonNullable<Layout['drift']>
  rounds: number
  partitions: number
  /** How many partitions were worked more than once. */
  retried: number
  recordsRead: number
  recordsWritten: number
  recordsRejected: number
  /** Paths on this machine, or s3:// URIs. */
  outputs: string[]
  rejects: string[]
  certificate: string | null
  failure: RunRecord['failure'] | null
  /** Of partitions, and of the tasks of other stages, which have numbers of their own. */
  retries: { partition: number; round: number; code: string; reason: string }[]
}

export type Place = (bucket: string, key: string) => string

export async function loadRunRecord(world: World, runId: string): Promise<RunRecord> {
  const item = await world.records.get(recordKeys.run(runId))
  if (item) return fromItem<RunRecord>(item)
  throw new MillraceError('NOT_FOUND', `No run ${runId}`, { remedy: 'List them with `millrace runs`.' })
}

/** What `--json` prints of a run in a list. */
export function runLine(run: RunRecord): Record<string, unknown> {
  const { runId, pipeline, state, source, round, partitions, totals, certificate, failure, createdAt } = run
  return {
    runId,
    pipeline,
    status: state,
    source: `s3://${source.bucket}/${source.key}`,
    bytes: run.objects?.bytes ?? source.bytes,
    objects: run.objects?.count ?? 1,
    rounds: round,
    partitions,
    recordsRead: totals?.recordsRead ?? null,
    recordsWritten: totals?.recordsWritten ?? null,
    recordsRejected: totals?.recordsRejected ?? null,
    certificate: certificate ?? null,
    failure: failure ?? null,
    ...(run.stopping && isOpen(run.state) ? { stopping: run.stopping } : {}),
    createdAt,
  }
}

/** Its last failure, where it is FAILED, was not followed by another attempt. */
function isRetried(partition: PartitionRecord): boolean {
  return setbacks(partition).length > (partition.state === PartitionState.FAILED ? 1 : 0)
}

export async function reportOf(world: World, run: RunRecord, place: Place): Promise<RunReport> {
  const partitions = await partitionsOf(world, run)
  const sum = (field: 'recordsRead' | 'recordsWritten' | 'recordsRejected'): number =>
    partitions.reduce((total, { report }) => total + (report?.[field] ?? 0), 0)
  const retries = [...(await tasksBeside(world, run)), ...partitions].flatMap(retriesOf)
  const { buckets } = world.config
  const outputs = await outputsOf(world, run)
  return {
    runId: run.runId,
    pipeline: run.pipeline,
    status: run.state,
    source: `s3://${run.source.bucket}/${run.source.key}`,
    ...(run.objects ? { objects: run.objects } : {}),
    ...(await driftOf(world, run)),
    rounds: run.round,
    partitions: run.partitions,
    retried: partitions.filter(isRetried).length,
    recordsRead: sum('recordsRead'),
    recordsWritten: sum('recordsWritten'),
    recordsRejected: sum('recordsRejected'),
    outputs: outputs.map(({ key }) => place(buckets.output, key)),
    rejects: partitions.flatMap(({ report }) =>
      report?.rejectsKey ? [place(buckets.state, report.rejectsKey)] : [],
    ),
    certificate: run.certificate === undefined ? null : place(buckets.output, run.certificate),
    failure: run.failure ?? null,
    retries,
  }
}

/** Where a person has removed the certificate, nothing is official any more. */
async function outputsOf(
  { objects, config }: World,
  { certificate: key }: RunRecord,
): Promise<OutputObject[]> {
  if (key === undefined) return []
  try {
    return officialOutputs(await readDocument(objects, { bucket: config.buckets.output, key }))
  } catch (error) {
    if (isError(error, 'OBJECT_MISSING')) return []
    throw error
  }
}

/** A REFUSED run may have no plan, and that of an old one may be gone. */
async function driftOf(world: World, run: RunRecord): Promise<Pick<RunReport, 'drift'>> {
  try {
    const { drift } = (await runDocument(world, run)).layout
    return drift ? { drift } : {}
  } catch (error) {
    if (isError(error, 'OBJECT_MISSING')) return {}
    throw error
  }
}

function retriesOf(record: PartitionRecord): RunReport['retries'] {
  return setbacks(record).map(({ round, code, reason }) => ({
    partition: record.partition,
    round,
    code,
    reason,
  }))
}
