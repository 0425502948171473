/** Nothing orphaned: what a certificate does not name is removed beside it. */
import { type Certificate, officialOutputs } from '../../shared/certificate.ts'
import { outputKeys, type RunDocument } from '../../shared/documents.ts'
import type { World } from '../../shared/world.ts'

/** Outputs of attempts that were overtaken. Bounded by the run's own folder. */
export async function sweepOutputs(world: World, run: RunDocument, certificate: Certificate): Promise<void> {
  const bucket = certificate.outputBucket
  const named = new Set(officialOutputs(certificate).map(({ key }) => key))
  const prefix = outputKeys.runPrefix(run.pipeline.output.prefix, run.runId)
  let after: string | undefined
  do {
    const { objects, next } = await world.objects.list(bucket, prefix, after)
    const orphans = objects.filter(({ key }) => !named.has(key)).map(({ key }) => ({ bucket, key }))
    if (orphans.length > 0) await world.objects.remove(orphans)
    after = next
  } while (after !== undefined)
}
