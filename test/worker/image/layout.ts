/** Lays out what worker/Dockerfile lays out, from this checkout. */
import {
  chmodSync,
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs'
import path from 'node:path'
import { copiesOf, type Dockerfile, isSent, parseDockerfile, type Stage } from './dockerfile.ts'
import { type Platform, productionFolders } from './packages.ts'

export const root = path.resolve(import.meta.dirname, '../../..')
const text = (name: string): string => readFileSync(path.join(root, name), 'utf8')

export const dockerfile = (): Dockerfile => parseDockerfile(text('worker/Dockerfile'))

export function finalStage(): Stage {
  const stage = dockerfile().stages.at(-1)
  if (!stage) throw new Error('worker/Dockerfile has no stage')
  return stage
}

export function packageFolders(platform: Platform): string[] {
  return productionFolders(
    JSON.parse(text('worker/package.json')),
    JSON.parse(text('package-lock.json')),
    platform,
  )
}

/** Files of the build's context below `source`, which may be one file. */
export function contextFiles(source: string): string[] {
  const ignore = text('worker/Dockerfile.dockerignore')
  const isFolder = statSync(path.join(root, source), { throwIfNoEntry: false })?.isDirectory()
  const entries = isFolder
    ? readdirSync(path.join(root, source), { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .map(entry => path.relative(root, path.join(entry.parentPath, entry.name)))
    : [source]
  return entries.filter(file => isSent(ignore, file))
}

/** What other stages have made, by where COPY finds it there. */
const made: Record<string, (to: string) => void> = {
  'node:/usr/local/bin/node': to => share(realpathSync(process.execPath), to),
  'packages:/packages/node_modules': to => {
    const platform = { os: process.platform, cpu: process.arch, libc: 'glibc' }
    for (const folder of packageFolders(platform)) {
      const own = path.join(root, folder)
      const [, ...below] = folder.split('/')
      for (const file of filesOf(own)) share(path.join(own, file), path.join(to, ...below, file))
    }
  },
  'packages:/scratch': to => {
    mkdirSync(to, { recursive: true })
    chmodSync(to, 0o1777)
  },
}

/** Into an empty folder that stands for the image's root. Errors: a COPY that it does not know. */
export function layOut(dir: string): void {
  for (const { from, sources, to } of copiesOf(finalStage())) {
    for (const source of sources) {
      if (from === undefined) layOutContext(source, path.join(dir, to))
      else layOutMade(`${from}:${source}`, path.join(dir, to))
    }
  }
}

function layOutMade(what: string, to: string): void {
  const make = made[what]
  if (!make) throw new Error(`test/worker/image/layout.ts does not know what ${what} is`)
  make(to)
}

function layOutContext(source: string, to: string): void {
  const files = contextFiles(source)
  if (files.length === 0) throw new Error(`${source} is not sent to the build`)
  for (const file of files) copy(path.join(root, file), path.join(to, path.relative(source, file)))
}

/** Of a package; what lies in its node_modules is a package of its own, wanted or not. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    if (entry.name === 'node_modules') return []
    if (!entry.isDirectory()) return [entry.name]
    return filesOf(path.join(folder, entry.name)).map(file => path.join(entry.name, file))
  })
}

function copy(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true })
  copyFileSync(from, to, constants.COPYFILE_FICLONE)
}

/** 200 MiB in 5,000 files: a second name is made in no time. */
function share(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true })
  if (!isSafe(from) || !linked(from, to)) copy(from, to)
}

/** Nobody but root may write it, and what runs in the image is not root. */
function isSafe(file: string): boolean {
  const { uid, mode } = statSync(file)
  return process.getuid?.() === 0 && uid === 0 && (mode & 0o022) === 0
}

/** Not from one file system to another. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch {
    return false
  }
}
