/** It does not wait. */
import { definePipeline } from 'millrace'

export default definePipeline({
  name: 'at-once',
  source: { prefix: 'at-once/', format: 'lines' },
  work: { sql: 'SELECT line FROM input' },
  output: { prefix: 'curated/at-once/' },
})
