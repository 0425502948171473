import { definePipeline } from 'millrace'

export default definePipeline({
  name: 'quoted',
  source: { prefix: 'quoted/', format: 'csv', columns: { id: 'INTEGER', text: 'VARCHAR' } },
  work: { sql: 'SELECT id, text FROM input' },
  output: { prefix: 'quoted/' },
  job: { memoryMiB: 512 },
  retry: { attempts: 10, backoffSeconds: 0 },
  tolerate: { rejectedRecords: 100 },
  notify: { slack: '#chaos' },
})
