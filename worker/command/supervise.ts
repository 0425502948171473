/** Runs a program once: records to its stdin, its results to a file, its stderr to the log; never leaves one behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { MillraceError } from '../../shared/errors.ts'
import { killedForMemory, oomKills } from './memory.ts'
import { Stderr } from './stderr.ts'

/** After SIGTERM a container has 30 s: what the program has saved by then must still be uploaded. */
const saveMsMax = 12_000
const lastWordsMsMax = 5000
const aheadBytes = 1024 * 1024

export interface Running {
  command: readonly string[]
  /** Its working folder. */
  cwd: string
  env: Record<string, string>
  /** For stdin. */
  given: AsyncIterable<Buffer>
  /** A descriptor of a file that takes stdout; absent: it is thrown away. */
  stdout?: number
  onStderr: (line: string) => void
  /** Aborted: the program is to save what it has and to stop. */
  signal?: AbortSignal | undefined
  /** From SIGTERM to SIGKILL. */
  saveMs?: number
}

export interface CommandEnd {
  exitCode: number | null
  killedBy: NodeJS.Signals | null
  /** Its last words, at most 2 KiB. */
  stderrTail: string
  outOfMemory: boolean
  /** It was asked to stop, whatever it made of that. */
  stopped: boolean
}

/**
 * A program need not read all that it is given, and may close its stdin early.
 * Errors: WORK_FAILED where it cannot be started, and those of `given`.
 */
export async function runCommand(running: Running): Promise<CommandEnd> {
  if (running.signal?.aborted) return { ...nothingYet, stopped: true }
  const before = oomKills()
  const child = await started(running)
  const stderr = new Stderr(running.onStderr)
  const reading = stderr.read(child.stderr as Readable)
  const stop = stopping(child, running)
  const kill = (): void => signalGroup(child, 'SIGKILL')
  process.once('exit', kill)
  try {
    const feeding = fed(child, running.given)
    const [exitCode, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    child.stdin?.destroy()
    // What it has left in the background would hold on to its streams, and write on.
    kill()
    const fault = await feeding
    await heard(child, reading)
    if (fault !== undefined) throw fault
    const outOfMemory = killedForMemory(killedBy, before)
    return { exitCode, killedBy, stderrTail: stderr.tail, outOfMemory, stopped: stop.asked }
  } finally {
    stop.release()
    kill()
    process.off('exit', kill)
  }
}

const nothingYet: CommandEnd = {
  exitCode: null,
  killedBy: null,
  stderrTail: '',
  outOfMemory: false,
  stopped: false,
}

async function started({ command, cwd, env, stdout }: Running): Promise<ChildProcess> {
  const [program = '', ...rest] = command
  try {
    // In a group of its own, so that whatever it starts is reached too.
    const stdio = ['pipe', stdout ?? 'ignore', 'pipe'] as const
    const child = spawn(program, rest, { cwd, env, stdio: [...stdio], detached: true })
    await once(child, 'spawn')
    return child
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new MillraceError('WORK_FAILED', `The command cannot be started: ${said}`, {
      remedy: `Put ${program} into the worker's image, on its PATH or as an absolute path in work.command.`,
      cause,
    })
  }
}

/** Answers what went wrong on our side; that the program stopped reading is its own affair. */
async function fed(child: ChildProcess, given: AsyncIterable<Buffer>): Promise<unknown> {
  const faults: unknown[] = []
  const { stdin } = child
  if (stdin === null) return undefined
  const chunks = Readable.from(watched(given, faults), { objectMode: false, highWaterMark: aheadBytes })
  try {
    await pipeline(chunks, stdin)
  } catch {
    if (faults.length > 0) signalGroup(child, 'SIGKILL')
  }
  return faults[0]
}

/** Notes the faults of `given` itself: those of its reader are thrown into it too. */
async function* watched(given: AsyncIterable<Buffer>, faults: unknown[]): AsyncGenerator<Buffer> {
  const chunks = given[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await chunks.next().catch(error => {
        faults.push(error)
        throw error
      })
      if (next.done) return
      yield next.value
    }
  } finally {
    await chunks.return?.()
  }
}

/** Whoever has left the group may hold on to stderr for ever. */
async function heard({ stderr }: ChildProcess, reading: Promise<void>): Promise<void> {
  const timer = setTimeout(() => stderr?.destroy(), lastWordsMsMax)
  await reading
  clearTimeout(timer)
}

/** SIGTERM when the signal says so; SIGKILL to whoever is still there after that. */
function stopping(child: ChildProcess, { signal, saveMs = saveMsMax }: Running) {
  let timer: NodeJS.Timeout | undefined
  const state = {
    asked: false,
    release: () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    },
  }
  const stop = (): void => {
    state.asked = true
    signalGroup(child, 'SIGTERM')
    timer = setTimeout(() => signalGroup(child, 'SIGKILL'), saveMs)
  }
  signal?.addEventListener('abort', stop)
  if (signal?.aborted) stop()
  return state
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, name)
  } catch {
    // Gone already, which is what was wanted.
  }
}
