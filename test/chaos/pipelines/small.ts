import { definePipeline } from 'millrace'

export default definePipeline({
  name: 'small',
  source: {
    prefix: 'small/',
    format: 'csv',
    columns: { id: 'INTEGER', text: 'VARCHAR' },
    group: { seconds: 2 },
  },
  split: { partitionBytes: 30_000 },
  work: { sql: 'SELECT id, text FROM input' },
  output: { prefix: 'small/' },
  job: { memoryMiB: 512 },
  retry: { attempts: 10, backoffSeconds: 0 },
  notify: { slack: '#chaos' },
})
