import { definePipeline } from '../../shared/pipeline.ts'

/** The demo's pipeline at a partition size fit for one machine. */
export default definePipeline({
  name: 'bench-flights',
  source: {
    prefix: 'flights/',
    format: 'csv',
    columns: {
      date: 'TIMESTAMP',
      delay: 'INTEGER',
      distance: 'INTEGER',
      origin: 'VARCHAR',
      destination: 'VARCHAR',
    },
  },
  split: { partitionBytes: 128 * 1024 * 1024 },
  work: { sql: 'SELECT date, delay, distance, origin, destination, delay > 15 AS late FROM input' },
  output: { prefix: 'flights/' },
  job: { vcpus: 1, memoryMiB: 2048, timeoutMinutes: 30 },
})
