/** Nothing orphaned: what a certificate does not name is removed beside it. */
import { type Certificate, officialOutputs } from '../../shared/certificate.ts'
import { outputKeys, type RunDocument, stateKeys } from '../../shared/documents.ts'
import type { PartitionRecord, RunRecord } from '../../shared/records.ts'
import { PartitionState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'

/** Outputs of attempts that were overtaken. Bounded by the run's own folder. */
export async function sweepOutputs(
  world: World<'objects'>,
  run: RunDocument,
  certificate: Certificate,
): Promise<void> {
  const named = new Set(officialOutputs(certificate).map(({ key }) => key))
  const prefix = outputKeys.runPrefix(run.pipeline.output.prefix, run.runId)
  await removeBelow(world, certificate.outputBucket, prefix, key => named.has(key))
}

/** What a run leaves that is refused. Rejected records stay, for whoever asks why. */
export async function sweepRefused(world: World<'objects'>, run: RunDocument): Promise<void> {
  const prefix = outputKeys.runPrefix(run.pipeline.output.prefix, run.runId)
  await removeBelow(world, world.config.buckets.output, prefix)
}

/**
 * Outputs of attempts that can no longer succeed, in a run that may be retried: `tasks` are the records of all that
 * wrote into it, however old. What records name stays, and so does what an attempt may yet name.
 */
export async function sweepLost(
  world: World<'objects'>,
  run: RunDocument,
  tasks: readonly PartitionRecord[],
): Promise<void> {
  const records = new Map(tasks.map(record => [record.partition, record]))
  const prefix = outputKeys.runPrefix(run.pipeline.output.prefix, run.runId)
  await removeBelow(world, world.config.buckets.output, prefix, key => {
    const attempt = outputKeys.attemptOf(key)
    const record = attempt && records.get(attempt.task)
    if (!attempt || !record) return true
    const mayStand = record.fence === attempt.fence && record.state !== PartitionState.FAILED
    return mayStand || record.fence < attempt.fence
  })
}

/** Of no use once the run is SUCCEEDED or REFUSED; a FAILED one may be retried while the bucket keeps them. */
export async function sweepPieces(world: World<'objects'>, { runId, splits }: RunRecord): Promise<void> {
  if (splits) await removeBelow(world, world.config.buckets.state, stateKeys.piecesPrefix(runId))
}

async function removeBelow(
  world: World<'objects'>,
  bucket: string,
  prefix: string,
  stays: (key: string) => boolean = () => false,
): Promise<void> {
  let after: string | undefined
  do {
    const { objects, next } = await world.objects.list(bucket, prefix, after)
    const orphans = objects.filter(({ key }) => !stays(key)).map(({ key }) => ({ bucket, key }))
    if (orphans.length > 0) await world.objects.remove(orphans)
    after = next
  } while (after !== undefined)
}
