/** What npm really lays out for the worker's image, for either processor, against what `npm test` takes it for. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { environment } from '../../shared/config.ts'
import { restsOf } from '../worker/image/dockerfile.ts'
import { dockerfile, packageFolders, root } from '../worker/image/layout.ts'

const npmMsMax = 60_000
const processors = { amd64: 'x64', arm64: 'arm64' }
const hasRegistry = (): boolean =>
  spawnSync('npm', ['view', 'zod', 'name', '--fetch-retries=0'], { timeout: npmMsMax }).status === 0

const dir = mkdtempSync(path.join(tmpdir(), 'millrace-image-packages-'))
after(() => rmSync(dir, { recursive: true }))

/** As the Dockerfile runs it. @returns the folders of the packages that are there then */
function installed(targetArch: string): string[] {
  const cwd = mkdtempSync(path.join(dir, `${targetArch}-`))
  copyFileSync(path.join(root, 'worker/package.json'), path.join(cwd, 'package.json'))
  copyFileSync(path.join(root, 'package-lock.json'), path.join(cwd, 'package-lock.json'))
  const stage = dockerfile().stages.find(({ name }) => name === 'packages')
  const [command = ''] = stage ? restsOf(stage, 'RUN') : []
  const env = { ...environment(), TARGETARCH: targetArch }
  const inPlace = command.replaceAll('/scratch', `${cwd}/scratch`)
  const ran = spawnSync('sh', ['-c', inPlace], { cwd, env, encoding: 'utf8', timeout: npmMsMax })
  assert.equal(ran.status, 0, ran.stderr)
  const { packages } = JSON.parse(readFileSync(path.join(cwd, 'node_modules/.package-lock.json'), 'utf8'))
  return Object.keys(packages).toSorted()
}

const skip = hasRegistry() ? false : 'no npm, or no registry to ask'
describe("the packages of the worker's image", { skip }, () => {
  for (const [targetArch, cpu] of Object.entries(processors)) {
    it(`are for linux/${targetArch} those that npm test lays out`, () => {
      assert.deepEqual(installed(targetArch), packageFolders({ os: 'linux', cpu, libc: 'glibc' }))
    })
  }
})
