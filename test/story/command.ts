/** The command line as a person or a script drives it: other processes, ended by their ids. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { environment } from '../../shared/config.ts'

const program = path.resolve(import.meta.dirname, '../../cli/millrace.js')
export const pipelinesDir = path.join(import.meta.dirname, 'pipelines')

export interface Said {
  exitCode: number | null
  stdout: string
  stderr: string
}

export interface Place {
  dataDir: string
  pipelinesDir?: string
  cwd?: string
  /** Of `up`: more words, and variables beside those of this process. */
  upWords?: string[]
  env?: Record<string, string>
}

const started = new Set<ChildProcess>()

function start(words: string[], place: Place): ChildProcess {
  const folders = ['--data', place.dataDir, '--pipelines', place.pipelinesDir ?? pipelinesDir]
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  const options = { stdio, cwd: place.cwd, env: { ...environment(), ...place.env } }
  const child = spawn(process.execPath, [program, ...words, ...folders], options)
  started.add(child)
  child.once('exit', () => started.delete(child))
  return child
}

/** Runs one command to its end. */
export async function millrace(words: string[], place: Place): Promise<Said> {
  const child = start(words, place)
  const [stdout, stderr] = [gathered(child.stdout), gathered(child.stderr)]
  const [exitCode] = (await once(child, 'close')) as [number | null]
  return { exitCode, stdout: stdout(), stderr: stderr() }
}

function gathered(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (chunk: string) => {
    text += chunk
  })
  return () => text
}

export interface Up {
  pid: number
  facts: { batch: string; slack: string; pipelines: string[] }
  signal(name: NodeJS.Signals): void
  /** Takes it away at once, as a crash or a power cut does. */
  kill(): Promise<void>
  /** As Ctrl-C does. Answers its exit code. */
  stop(): Promise<number | null>
}

/** `millrace up`, when it says that it is up. */
export async function up(place: Place): Promise<Up> {
  const child = start(['up', '--json', ...(place.upWords ?? [])], place)
  const stderr = gathered(child.stderr)
  const exited = once(child, 'exit') as Promise<[number | null]>
  const said = once(createInterface({ input: child.stdout ?? process.stdin }), 'line') as Promise<[string]>
  const first = await Promise.race([said, exited])
  if (typeof first[0] !== 'string') throw new Error(`up did not come up: ${stderr()}`)
  const end = async (name: NodeJS.Signals): Promise<number | null> => {
    child.kill(name)
    return (await exited)[0]
  }
  return {
    pid: child.pid ?? -1,
    facts: JSON.parse(first[0]) as Up['facts'],
    signal: name => void child.kill(name),
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGINT'),
  }
}

/** For `after`: whatever a failed test has left running. */
export async function endAll(): Promise<void> {
  await Promise.all(
    [...started].map(async child => {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }),
  )
}
