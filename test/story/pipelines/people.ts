import { definePipeline } from 'millrace'

export default definePipeline({
  name: 'people',
  source: { prefix: 'people/', format: 'csv', columns: { id: 'INTEGER', name: 'VARCHAR' } },
  work: { sql: 'SELECT id, name FROM input' },
  output: { prefix: 'people/' },
  job: { memoryMiB: 512 },
  retry: { attempts: 3, backoffSeconds: 0 },
  notify: { slack: '#people', on: ['FAILED', 'REFUSED', 'RECOVERED', 'SUCCEEDED'] },
})
