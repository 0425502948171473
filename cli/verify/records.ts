/** Whether the certificate is the one that the records of the run's partitions and merges give. */
import { isDeepStrictEqual } from 'node:util'
import { partitionsOf } from '../../functions/steps/gather.ts'
import { type Certificate, certificateOf } from '../../shared/certificate.ts'
import type { RunDocument } from '../../shared/documents.ts'
import { mergesOf } from '../../shared/merge.ts'
import type { PartitionPlan } from '../../shared/partition-plan.ts'
import type { RunRecord } from '../../shared/records.ts'
import { PartitionState, Stage } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import type { OnFault } from './fault.ts'

export async function verifyRecords(
  world: Pick<World, 'records' | 'config'>,
  run: RunRecord,
  certificate: Certificate,
  document: RunDocument,
  plan: PartitionPlan,
  onFault: OnFault,
): Promise<void> {
  const partitions = plan.inOrder(await partitionsOf(world, run))
  const merged = await partitionsOf(world, run, Stage.merge)
  const open = [...partitions, ...merged].find(({ state }) => state !== PartitionState.SUCCEEDED)
  if (open) return onFault('RECORD_DIFFERS', `partition ${open.partition}`, `its record says ${open.state}`)
  const merges = mergesOf(document, partitions).flatMap((task, at) => {
    const record = merged[at]
    return record ? [{ task, record }] : []
  })
  const { issuedAt } = certificate
  const anew = certificateOf(document, partitions, run.round, world.config.buckets.output, issuedAt, merges)
  // As stored: what is undefined is absent.
  compare(certificate, JSON.parse(JSON.stringify(anew)) as Certificate, onFault)
}

function compare(certificate: Certificate, anew: Certificate, onFault: OnFault): void {
  for (const field of ['certificate', 'outputBucket', 'rounds'] as const) {
    if (certificate[field] === anew[field]) continue
    onFault('RECORD_DIFFERS', field, `it says ${certificate[field]}, the records say ${anew[field]}`)
  }
  for (const field of ['partitions', 'merges'] as const) {
    const [said, known] = [certificate[field] ?? [], anew[field] ?? []]
    for (let at = 0; at < Math.max(said.length, known.length); at++) {
      if (isDeepStrictEqual(said[at], known[at])) continue
      const [was, is] = [JSON.stringify(said[at]), JSON.stringify(known[at])]
      onFault('RECORD_DIFFERS', `${field}[${at}]`, `it says ${was}, the record says ${is}`)
    }
  }
}
