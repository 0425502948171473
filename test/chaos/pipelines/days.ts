import { definePipeline } from 'millrace'

export default definePipeline({
  name: 'days',
  source: { prefix: 'days/', format: 'csv', columns: { id: 'INTEGER', text: 'VARCHAR' } },
  work: { sql: 'SELECT id, text, id % 5 AS day FROM input' },
  output: { prefix: 'days/', partitionBy: ['day'] },
  job: { memoryMiB: 512 },
  retry: { attempts: 10, backoffSeconds: 0 },
  notify: { slack: '#chaos' },
})
