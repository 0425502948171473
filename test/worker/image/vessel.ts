/** Two ways to start what the image holds: as an ordinary process, and in a container made by hand. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { environmentOf, restsOf } from './dockerfile.ts'
import { finalStage, layOut } from './layout.ts'

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const agent = '/opt/millrace'
const scratch = '/scratch'
const endsWithinMsMax = 60_000
/** Of the machine's own: what the base image has, C's and C++'s libraries above all. */
const ofBase = ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64']

export interface Ended {
  exitCode: number | null
  stdout: string
  stderr: string
}

export interface Image {
  /** The image's root, as a folder of this machine. */
  dir: string
  /** The only folder that a worker may write to. */
  scratch: string
  command: string[]
  /** `uid:gid` */
  user: string
  /** What the image itself says of its environment. */
  environment: Record<string, string>
  remove(): void
}

export function openImage(): Image {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-image-'))
  layOut(dir)
  layOutBase(dir)
  const stage = finalStage()
  const command = JSON.parse(restsOf(stage, 'CMD').at(-1) ?? '[]') as string[]
  const isRoot = process.getuid?.() === 0
  // What runs in there would be the owner of all of it.
  if (!isRoot) execFileSync('chmod', ['-R', 'a-w', path.join(dir, 'opt')])
  chmodSync(dir, 0o755)
  return {
    dir,
    scratch: path.join(dir, scratch),
    command,
    user: restsOf(stage, 'USER').at(-1) ?? '',
    environment: environmentOf(stage, { PATH: systemPath }),
    remove: () => {
      if (!isRoot) execFileSync('chmod', ['-R', 'u+w', dir])
      rmSync(dir, { recursive: true })
    },
  }
}

/** Somebody's own image, with nothing of ours but the agent's folder and a scratch folder that is a volume. */
export function ownImage(image: Image): Image {
  return { ...image, user: '4242:4242', environment: { PATH: systemPath, HOME: '/' } }
}

export interface Vessel {
  /** Where a path of the image is for what runs in it. */
  at(path: string): string
  run(command: string[], variables?: Record<string, string>): Promise<Ended>
}

/** Nothing but the user keeps it from writing; where this process is no root, it is that user. */
export function ordinary(image: Image): Vessel {
  const at = (text: string): string =>
    text.replaceAll(agent, path.join(image.dir, agent)).replaceAll(scratch, image.scratch)
  const [uid = 0, gid = 0] = image.user.split(':').map(Number)
  return {
    at,
    run: ([program = '', ...words], variables = {}) => {
      const own = Object.entries({ ...image.environment, ...variables })
      const env = Object.fromEntries(own.map(([name, value]) => [name, at(value)]))
      const user = process.getuid?.() === 0 ? { uid, gid } : {}
      return ended(spawn(at(program), words.map(at), { cwd: '/', env, ...user, stdio: outputs }))
    },
  }
}

const outputs: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']

/**
 * Mounts of its own: nothing is there but the image, what its base has, /proc and a few devices; all of it can only
 * be read, but for the scratch folder.
 */
export function contained(image: Image): Vessel {
  const bound = baseFolders()
  const script = [
    'set -e; root=$1; user=$2; shift 2',
    'mount --bind "$root" "$root"',
    ...bound.map(
      name => `mount --bind -o ro /${name} "$root/${name}"; mount -o remount,bind,ro "$root/${name}"`,
    ),
    'mount --bind /proc "$root/proc"',
    ...devices.map(name => `mount --bind /dev/${name} "$root/dev/${name}"`),
    `mount --bind "$root${scratch}" "$root${scratch}"`,
    'mount -o remount,bind,ro "$root"',
    'exec chroot --groups= --userspec="$user" "$root" "$@"',
  ].join('\n')
  return {
    at: one => one,
    run: (command, variables = {}) => {
      const env = { ...image.environment, ...variables }
      const words = ['--mount', '--propagation', 'private', '--', '/bin/sh', '-c', script, 'vessel']
      return ended(spawn('unshare', [...words, image.dir, image.user, ...command], { env, stdio: outputs }))
    },
  }
}

export function mayMount(): boolean {
  const tried = spawnSync('unshare', ['--mount', 'mount', '--bind', '/proc', '/proc'], { stdio: 'ignore' })
  return process.getuid?.() === 0 && tried.status === 0
}

const devices = ['null', 'zero', 'random', 'urandom']

const baseFolders = (): string[] =>
  ofBase.filter(name => existsSync(`/${name}`) && !lstatSync(`/${name}`).isSymbolicLink())

/** Where the base is to be mounted; what is a link there is one here. */
function layOutBase(dir: string): void {
  for (const name of ofBase.filter(one =>
    lstatSync(`/${one}`, { throwIfNoEntry: false })?.isSymbolicLink(),
  )) {
    symlinkSync(readlinkSync(`/${name}`), path.join(dir, name))
  }
  for (const name of [...baseFolders(), 'proc', 'dev']) mkdirSync(path.join(dir, name))
  for (const name of devices) writeFileSync(path.join(dir, 'dev', name), '')
}

async function ended(child: ChildProcess): Promise<Ended> {
  const said = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text
  })
  const overdue = setTimeout(() => child.kill('SIGKILL'), endsWithinMsMax)
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  clearTimeout(overdue)
  return { exitCode, ...said }
}
