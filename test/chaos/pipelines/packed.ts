import { definePipeline } from 'millrace'

export default definePipeline({
  name: 'packed',
  source: { prefix: 'packed/', format: 'ndjson', columns: { id: 'INTEGER', text: 'VARCHAR' } },
  split: { partitionBytes: 60_000 },
  work: { sql: 'SELECT id, text FROM input' },
  output: { prefix: 'packed/' },
  job: { memoryMiB: 512 },
  retry: { attempts: 10, backoffSeconds: 0 },
  notify: { slack: '#chaos' },
})
