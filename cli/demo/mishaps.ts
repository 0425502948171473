/** What goes wrong in the demo, on purpose and for real. */

/** Which partitions meet a mishap; both are in the middle of the file. */
export const reclaimedPartition = 5
export const throttledPartition = 9

/** On no machine is a worker done so soon: Node and DuckDB alone take longer to load. */
const reclaimAfterMs = 100

interface Interfering {
  interfere(asked: object): Promise<void> | void
}

/** @returns what was arranged, in words */
export async function arrangeMishaps(batch: Interfering): Promise<string[]> {
  const jobNamePattern = 'flights_*'
  await batch.interfere({ jobNamePattern, index: reclaimedPartition, reclaimAfterMs, once: true })
  const environment = { MILLRACE_LOCAL_FAULT: 'slow-down' }
  await batch.interfere({ jobNamePattern, index: throttledPartition, environment, once: true })
  return [
    `the instance under partition ${reclaimedPartition} will be reclaimed, as Spot does it`,
    `S3 will answer partition ${throttledPartition} with SlowDown, once`,
  ]
}
