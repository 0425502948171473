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
  remove(): void
}

export function openImage(): Image {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-image-'))
  layOut(dir)
  const stage = finalStage()
  const command = JSON.parse(restsOf(stage, 'CMD').at(-1) ?? '[]') as string[]
  execFileSync('chmod', ['-R', 'a-w,a+rX', path.join(dir, 'opt')])
  chmodSync(dir, 0o755)
  return {
    dir,
    scratch: path.join(dir, scratch),
    command,
    user: restsOf(stage, 'USER').at(-1) ?? '',
    remove: () => {
      execFileSync('chmod', ['-R', 'u+w', dir])
      rmSync(dir, { recursive: true })
    },
  }
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
      const known = environmentOf(finalStage(), { PATH: systemPath })
      const own = Object.fromEntries(Object.entries(known).map(([name, value]) => [name, at(value)]))
      const env = { ...own, ...variables }
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
  const bound = layOutBase(image.dir)
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
      const env = { ...environmentOf(finalStage(), { PATH: systemPath }), ...variables }
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

/** @returns names of folders that are to be bound; links among them are made at once */
function layOutBase(dir: string): string[] {
  const bound: string[] = []
  for (const name of ofBase.filter(one => existsSync(`/${one}`))) {
    if (lstatSync(`/${name}`).isSymbolicLink()) symlinkSync(readlinkSync(`/${name}`), path.join(dir, name))
    else bound.push(name)
  }
  for (const name of [...bound, 'proc', 'dev', 'tmp']) mkdirSync(path.join(dir, name), { recursive: true })
  for (const name of devices) writeFileSync(path.join(dir, 'dev', name), '')
  return bound
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
