/** It waits for its schedule: the first of January. */
import { definePipeline } from 'millrace'

export default definePipeline({
  name: 'nightly',
  source: {
    prefix: 'nightly/',
    format: 'lines',
    schedule: { expression: 'cron(0 2 1 1 ? *)', timezone: 'Europe/Berlin' },
  },
  work: { sql: 'SELECT line FROM input' },
  output: { prefix: 'curated/nightly/' },
})
