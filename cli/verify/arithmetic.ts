/** Whether a certificate agrees with itself and with the plan of its run. Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { Certificate, CertifiedPartition } from '../../shared/certificate.ts'
import type { RunDocument } from '../../shared/documents.ts'
import type { PartitionPlan } from '../../shared/partition-plan.ts'
import type { OutputObject, RunRecord } from '../../shared/records.ts'
import type { OnFault } from './fault.ts'

const counts = ['recordsRead', 'recordsRejected', 'recordsWritten'] as const

export function verifyArithmetic(
  certificate: Certificate,
  document: RunDocument,
  plan: PartitionPlan,
  run: Pick<RunRecord, 'totals'>,
  onFault: OnFault,
): void {
  verifyPlan(certificate, document, plan, onFault)
  verifyTiling(certificate, onFault)
  verifySums(certificate, run, onFault)
  verifyMerges(certificate, onFault)
}

function verifyPlan(
  certificate: Certificate,
  document: RunDocument,
  plan: PartitionPlan,
  onFault: OnFault,
): void {
  if (certificate.pipeline !== document.pipeline.name) {
    onFault('PLAN_DIFFERS', 'pipeline', `it says ${certificate.pipeline}, not ${document.pipeline.name}`)
  }
  for (const field of ['runId', 'source', 'layout', 'columns', 'dataStart', 'dataEnd'] as const) {
    // As stored: what is undefined in the one is absent in the other.
    const [said, planned] = [certificate[field], document[field]]
    if (isDeepStrictEqual(said, planned)) continue
    onFault('PLAN_DIFFERS', field, `it says ${JSON.stringify(said)}, planned was ${JSON.stringify(planned)}`)
  }
  const numbers = certificate.partitions.map(({ partition }) => partition)
  if (numbers.length !== plan.count || numbers.some((number, place) => number !== plan.taskAt(place))) {
    onFault('PLAN_DIFFERS', 'partitions', `they are not the ${plan.count} that were planned`)
  }
}

function verifyTiling({ dataStart, dataEnd, partitions }: Certificate, onFault: OnFault): void {
  let at = place(dataStart, 0)
  for (const { partition, range, within } of partitions) {
    if (range === null) continue
    const start = place(range[0], within?.[0])
    if (start !== at) {
      onFault(
        'RANGES_DO_NOT_TILE',
        `partition ${partition}`,
        `it starts at ${start}, the one before ends at ${at}`,
      )
    }
    at = place(range[1], within?.[1])
  }
  const end = place(dataEnd, 0)
  if (at !== end) onFault('RANGES_DO_NOT_TILE', 'the last range', `it ends at ${at}, the data at ${end}`)
}

function place(at: number, within = 0): string {
  return within === 0 ? `byte ${at}` : `byte ${within} of the block at byte ${at}`
}

function verifySums(certificate: Certificate, { totals }: Pick<RunRecord, 'totals'>, onFault: OnFault): void {
  for (const field of counts) {
    const sum = certificate.partitions.reduce((total, partition) => total + partition[field], 0)
    if (sum !== certificate[field]) {
      onFault('SUMS_DIFFER', field, `the total is ${certificate[field]}, the partitions have ${sum}`)
    }
    if (totals !== undefined && totals[field] !== certificate[field]) {
      onFault(
        'SUMS_DIFFER',
        field,
        `the total is ${certificate[field]}, the run's record says ${totals[field]}`,
      )
    }
  }
  for (const partition of certificate.partitions) verifyPartition(partition, onFault)
}

function verifyPartition(certified: CertifiedPartition, onFault: OnFault): void {
  const { partition, range, recordsRead, recordsRejected, rejectedByWork = 0 } = certified
  const { recordsWritten, outputs } = certified
  const where = `partition ${partition}`
  const written = recordsOf(outputs)
  if (written !== recordsWritten) {
    onFault('SUMS_DIFFER', where, `it wrote ${recordsWritten} records, its outputs hold ${written}`)
  }
  if (recordsRejected > recordsRead) {
    onFault('SUMS_DIFFER', where, `it rejected ${recordsRejected} records of ${recordsRead}`)
  }
  if (rejectedByWork > recordsRejected) {
    onFault(
      'SUMS_DIFFER',
      where,
      `its work rejected ${rejectedByWork} records of ${recordsRejected} rejected`,
    )
  }
  if (range === null && recordsRead > 0) {
    onFault('SUMS_DIFFER', where, `it has no range, and yet ${recordsRead} records`)
  }
}

function verifyMerges({ partitions, merges = [] }: Certificate, onFault: OnFault): void {
  const known = new Map(partitions.flatMap(({ outputs }) => outputs.map(output => [output.key, output])))
  for (const { merge, inputs, outputs } of merges) {
    const where = `merge ${merge}`
    const found = inputs.flatMap(key => known.get(key) ?? [])
    // Each only once: another merge does not find it any more.
    for (const key of inputs) known.delete(key)
    if (found.length !== inputs.length) {
      onFault('MERGE_DIFFERS', where, 'an input is no output of a partition, or of another merge too')
    }
    const [before, after] = [recordsOf(found), recordsOf(outputs)]
    if (before !== after)
      onFault('MERGE_DIFFERS', where, `its inputs have ${before} records, it has ${after}`)
  }
}

function recordsOf(outputs: readonly OutputObject[]): number {
  return outputs.reduce((total, { records }) => total + records, 0)
}
