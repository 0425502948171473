import flights from '../../pipelines/flights.ts'
import { definePipeline } from '../../shared/pipeline.ts'

/** The demo's pipeline at a partition size fit for one machine, and told to nobody. */
export default definePipeline({
  ...flights,
  name: 'bench-flights',
  split: { partitionBytes: 128 * 1024 * 1024 },
  job: { vcpus: 1, memoryMiB: 2048, timeoutMinutes: 30 },
  notify: {},
})
