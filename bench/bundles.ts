/** How large each function is, and how long it and the worker take to be loaded. `node bench/bundles.ts` */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { type Bundle, bundleFunctions } from '../infra/bundle.ts'
import { asEnvironment, localConfig } from '../shared/config.ts'

const root = path.resolve(import.meta.dirname, '..')
/** Odd, for the median. */
const processes = 11
/** What Lambda sets, of which a function's loading depends. */
const lambda = {
  ...asEnvironment({ ...localConfig('', ''), stage: 'bench' }),
  AWS_LAMBDA_FUNCTION_NAME: 'bench',
  AWS_REGION: 'us-east-1',
}
/** As the image has them: files, not a bundle. */
const workers: [string, string[]][] = [
  ['worker, up to its first call', ['worker/work.ts', 'shared/aws/worker-ports.ts']],
  ['the same with DuckDB', ['worker/work.ts', 'shared/aws/worker-ports.ts', 'worker/duckdb/session.ts']],
  ["the worker's ports alone", ['shared/aws/worker-ports.ts']],
  ['all ports, as the command line has them', ['shared/aws/ports.ts']],
]

export async function bundlesTable(): Promise<string> {
  const outDir = mkdtempSync(path.join(tmpdir(), 'millrace-bundles-'))
  try {
    const functionsDir = path.join(root, 'functions')
    const bundles = await bundleFunctions({
      functionsDir,
      pipelinesDir: path.join(root, 'pipelines'),
      outDir,
    })
    const fileOf = ({ name }: Bundle): string => path.join(outDir, `${name}.mjs`)
    const loads = [
      ...bundles.map(bundle => ({ row: described(bundle, fileOf(bundle)), files: [fileOf(bundle)] })),
      ...workers.map(([title, files]) => ({ row: `| ${title} | | | `, files: files.map(inRoot) })),
    ]
    const times = await measured(loads.map(({ files }) => files))
    return [
      '| | KiB | KiB in gzip | clients | ms to load | of CPU |',
      '|---|---|---|---|---|---|',
      ...loads.map(({ row }, at) => `${row}| ${times[at]?.join(' | ')} |`),
    ].join('\n')
  } finally {
    rmSync(outDir, { recursive: true, force: true })
  }
}

const inRoot = (file: string): string => path.join(root, file)

function described({ name, bytes, packages }: Bundle, file: string): string {
  const clients = packages.flatMap(one => /^@aws-sdk\/client-(.+)$/.exec(one)?.[1] ?? [])
  const sizes = [bytes, gzipSync(readFileSync(file)).length].map(size => Math.ceil(size / 1024))
  return `| ${[name, ...sizes, clients.join(', ')].join(' | ')} `
}

/** In turns, so that a busy while of the machine is one of them all. @returns medians for each: ms, and ms of CPU */
async function measured(loads: readonly string[][]): Promise<[number, number][]> {
  const times = loads.map(() => ({ wall: [] as number[], cpu: [] as number[] }))
  for (let turn = 0; turn < processes; turn++) {
    for (const [at, files] of loads.entries()) {
      const { wallMs, cpuMs } = await loadedOnce(files)
      times[at]?.wall.push(wallMs)
      times[at]?.cpu.push(cpuMs)
    }
  }
  return times.map(({ wall, cpu }) => [median(wall), median(cpu)])
}

/** In a process of its own. */
async function loadedOnce(files: readonly string[]): Promise<{ wallMs: number; cpuMs: number }> {
  const imports = files.map(file => `await import(${JSON.stringify(pathToFileURL(file).href)})`).join('\n')
  // A turn more: a function opens its ports before its first event.
  const code = `const [began, before] = [performance.now(), process.cpuUsage()]
    ${imports}
    await new Promise(resolve => setImmediate(resolve))
    const { user, system } = process.cpuUsage(before)
    const took = { wallMs: performance.now() - began, cpuMs: (user + system) / 1000 }
    process.stdout.write(JSON.stringify(took), () => process.exit())`
  const args = ['--input-type=module', '-e', code]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: lambda })
  return JSON.parse(stdout)
}

const median = (values: readonly number[]): number =>
  Math.round(values.toSorted((one, other) => one - other)[(processes - 1) / 2] ?? 0)

if (import.meta.main) process.stdout.write(`${await bundlesTable()}\n`)
