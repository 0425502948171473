import { definePipeline } from 'millrace'

export default definePipeline({
  name: 'merged',
  source: { prefix: 'merged/', format: 'csv', columns: { id: 'INTEGER', text: 'VARCHAR' } },
  work: { sql: 'SELECT id, text FROM input' },
  output: { prefix: 'merged/', format: 'csv', compression: 'gzip', targetFileBytes: 1024 ** 2 },
  job: { memoryMiB: 512 },
  retry: { attempts: 10, backoffSeconds: 0 },
  notify: { slack: '#chaos' },
})
