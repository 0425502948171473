/** Makes one file of each function, with the user's pipelines and the SDK compiled in. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'
import { MillraceError } from '../shared/errors.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { pipelineSet } from '../shared/pipelines.ts'
import { importAtOnce, lambdaCredentials, plainSchemas } from './lean.ts'

const root = path.resolve(import.meta.dirname, '..')
const localDir = path.join(root, 'local') + path.sep

/** In `outDir`: all pipelines as they are compiled in, with their defaults. What is deployed is generated from it. */
export const pipelinesFile = 'pipelines.json'
export const pipelinesSpecifier = 'millrace:pipelines'
/** Where a pipeline file gets `definePipeline` from when it lies outside this repository. */
const ownPackage = 'millrace'

/** ESM bundles of CommonJS packages call `require`, which ESM lacks. */
const requireBanner = `import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);`

export interface BundleOptions {
  /** Every `*.ts` directly in it becomes `<outDir>/<name>.mjs`. */
  functionsDir: string
  pipelinesDir: string
  /** Emptied first. */
  outDir: string
}

export interface Bundle {
  name: string
  bytes: number
  /** Names of the npm packages of which something is in it, sorted. */
  packages: string[]
}

/**
 * Errors: CONFIG_INVALID (a folder without a file), PIPELINE_INVALID (every fault of every file); esbuild's own where a function does not compile or imports what belongs to one machine.
 */
export async function bundleFunctions(options: BundleOptions): Promise<Bundle[]> {
  const parsed = await readPipelines(options.pipelinesDir)
  const pipelines = await sources(options.pipelinesDir, 'pipelines')
  const entries = await sources(options.functionsDir, 'functions')
  await rm(options.outDir, { recursive: true, force: true })
  await mkdir(options.outDir, { recursive: true })
  await writeFile(path.join(options.outDir, pipelinesFile), `${JSON.stringify(parsed, null, 2)}\n`)
  const { metafile } = await build({
    ...settings(pipelines),
    entryPoints: entries,
    outdir: options.outDir,
    outExtension: { '.js': '.mjs' },
    banner: { js: requireBanner },
    minify: true,
    // Beside the bundle and not in the package: a map is larger than what it maps.
    sourcemap: 'external',
    metafile: true,
  })
  return Object.entries(metafile.outputs)
    .filter(([file]) => file.endsWith('.mjs'))
    .map(([file, { bytes, inputs }]) => ({
      name: path.basename(file, '.mjs'),
      bytes,
      packages: packagesOf(inputs),
    }))
}

function packagesOf(inputs: Metafile['outputs'][string]['inputs']): string[] {
  const names = Object.entries(inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([file]) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? [])
  return [...new Set(names)].toSorted()
}

/** All pipelines in the folder, each checked as it is at a function's cold start. Errors: as of `bundleFunctions`. */
export async function readPipelines(pipelinesDir: string): Promise<Pipeline[]> {
  const { outputFiles } = await build({
    ...settings(await sources(pipelinesDir, 'pipelines')),
    entryPoints: [pipelinesSpecifier],
    write: false,
  })
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64')
  const { definitions } = (await import(`data:text/javascript;base64,${code}`)) as {
    definitions: { file: string; definition: unknown }[]
  }
  const files = Object.fromEntries(definitions.map(({ file, definition }) => [file, definition]))
  return pipelineSet(files)
}

function settings(pipelineFiles: string[]) {
  return {
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    logLevel: 'silent',
    absWorkingDir: root,
    plugins: [
      compileInPipelines(pipelineFiles),
      refuseLocalCode,
      importAtOnce,
      plainSchemas,
      lambdaCredentials,
    ],
  } as const satisfies BuildOptions
}

function compileInPipelines(files: string[]): Plugin {
  return {
    name: 'pipelines',
    setup(building) {
      building.onResolve({ filter: new RegExp(`^${pipelinesSpecifier}$`) }, ({ path: specifier }) => ({
        path: specifier,
        namespace: 'pipelines',
      }))
      building.onLoad({ filter: /./, namespace: 'pipelines' }, () => ({
        contents: listing(files),
        resolveDir: root,
        loader: 'js',
      }))
      building.onResolve({ filter: new RegExp(`^${ownPackage}$`) }, () => ({
        path: path.join(root, 'shared', 'pipeline.ts'),
      }))
    },
  }
}

function listing(files: string[]): string {
  const imports = files.map((file, index) => `import pipeline${index} from ${JSON.stringify(file)}`)
  const rows = files.map(
    (file, index) => `{ file: ${JSON.stringify(path.basename(file))}, definition: pipeline${index} }`,
  )
  return `${imports.join('\n')}\nexport const definitions = [${rows.join(', ')}]\n`
}

/** One machine's code in a function is a mistake to be told, not one to be cut out in silence. */
const refuseLocalCode: Plugin = {
  name: 'refuse-local-code',
  setup(building) {
    building.onResolve({ filter: /^(node:)?sqlite$|^@duckdb\// }, ({ path: specifier }) => ({
      errors: [{ text: `${specifier} belongs to the worker and the local stack, not in a function` }],
    }))
    building.onLoad({ filter: /\.ts$/ }, ({ path: file }) =>
      file.startsWith(localDir) ? { errors: [{ text: 'local/ does not belong in a function' }] } : undefined,
    )
  },
}

async function sources(dir: string, what: string): Promise<string[]> {
  const names = await readdir(dir).catch(() => [])
  const files = names.filter(name => /\.(ts|js|mjs)$/.test(name) && !/\.(test|d)\.ts$/.test(name)).toSorted()
  if (files.length > 0) return files.map(name => path.join(path.resolve(dir), name))
  throw new MillraceError('CONFIG_INVALID', `There is no file in the ${what} folder ${dir}.`, {
    remedy: 'Name another folder with --pipelines, or put a file there.',
  })
}
