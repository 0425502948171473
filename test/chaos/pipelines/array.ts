import { definePipeline } from 'millrace'

export default definePipeline({
  name: 'array',
  source: {
    prefix: 'array/',
    format: 'json',
    path: 'data.items',
    columns: { id: 'INTEGER', text: 'VARCHAR' },
  },
  work: { sql: 'SELECT id, text FROM input' },
  output: { prefix: 'array/', targetFileBytes: 1024 ** 2 },
  job: { memoryMiB: 512 },
  retry: { attempts: 10, backoffSeconds: 0 },
  notify: { slack: '#chaos' },
})
