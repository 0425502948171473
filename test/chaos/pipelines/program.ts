import { definePipeline } from 'millrace'

export default definePipeline({
  name: 'program',
  source: { prefix: 'program/', format: 'csv', columns: { id: 'INTEGER', text: 'VARCHAR' } },
  work: { command: ['cat'], columns: { id: 'INTEGER', text: 'VARCHAR' } },
  output: { prefix: 'program/' },
  job: { memoryMiB: 512 },
  retry: { attempts: 10, backoffSeconds: 0 },
  notify: { slack: '#chaos' },
})
