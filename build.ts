/** `npm run build`: functions/*.ts and the pipelines become dist/*.mjs, one small file per function. */
import path from 'node:path'
import { parseArgs } from 'node:util'
import { bundleFunctions } from './infra/bundle.ts'
import { environment } from './shared/config.ts'

const { values } = parseArgs({ options: { pipelines: { type: 'string' } } })
const root = import.meta.dirname
const pipelinesDir = values.pipelines ?? environment().MILLRACE_PIPELINES_DIR ?? path.join(root, 'pipelines')

const bundles = await bundleFunctions({
  functionsDir: path.join(root, 'functions'),
  pipelinesDir,
  outDir: path.join(root, 'dist'),
}).catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
for (const { name, bytes } of bundles) console.log(`dist/${name}.mjs  ${Math.ceil(bytes / 1024)} KiB`)
