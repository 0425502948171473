/** What Batch is asked for one array of a round. Pure. */
import type { RunDocument } from './documents.ts'
import { childEnvironment, type JobTie, jobName } from './jobname.ts'
import { queueOf, sizeOf } from './placement.ts'
import type { JobRequest } from './ports.ts'
import type { Lane, Place } from './records.ts'

/**
 * @param size how many partitions
 * @param before the job of the array before it, in the same round
 */
export function requestFor(
  { pipeline: { job } }: RunDocument,
  place: Place,
  tie: JobTie,
  size: number,
  lane: Lane,
  before: string | undefined,
): JobRequest {
  const { vcpus, memoryMiB } = sizeOf({ ...job, ...lane })
  const { timeoutMinutes } = { ...job, ...lane }
  return {
    name: jobName(tie),
    size,
    queue: queueOf(place, lane),
    definition: place.definition,
    environment: {
      ...childEnvironment(tie),
      MILLRACE_VCPUS: String(Math.ceil(vcpus)),
      MILLRACE_MEMORY_MIB: String(memoryMiB),
    },
    vcpus,
    memoryMiB,
    timeoutSeconds: timeoutMinutes * 60,
    ...(place.share && { share: place.share }),
    ...(job.sequential && { sequential: true, ...(before !== undefined && { after: before }) }),
    ...(job.nodes !== undefined && { nodes: job.nodes }),
  }
}
