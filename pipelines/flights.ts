import { definePipeline } from '../shared/pipeline.ts'

/** Three million domestic flights, 2001: the pipeline that `npm run demo` drops its file into. */
export default definePipeline({
  name: 'flights',
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
  // Small on purpose, so that one machine shows many partitions; in AWS leave it out (256 MiB).
  split: { partitionBytes: 4 * 1024 * 1024 },
  work: {
    sql: `SELECT date, delay, distance, origin, destination, delay > 15 AS late FROM input`,
  },
  output: { prefix: 'flights/' },
  job: { vcpus: 1, memoryMiB: 1024, timeoutMinutes: 10 },
  retry: { attempts: 3, backoffSeconds: 1 },
  notify: { slack: '#flights', on: ['FAILED', 'REFUSED', 'RECOVERED', 'SUCCEEDED'] },
})
