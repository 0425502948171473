import { definePipeline } from 'millrace'

export default definePipeline({
  name: 'events',
  source: { prefix: 'events/', format: 'ndjson', columns: { id: 'INTEGER', text: 'VARCHAR' } },
  work: { sql: 'SELECT id, text FROM input' },
  output: { prefix: 'events/', format: 'ndjson', compression: 'zstd' },
  job: { memoryMiB: 512 },
  retry: { attempts: 10, backoffSeconds: 0 },
  notify: { slack: '#chaos' },
})
