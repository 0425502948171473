/** Other people's programs, found on PATH: Docker, and the packager. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Environment } from '../../shared/config.ts'

export interface Call {
  program: string
  args: readonly string[]
  cwd: string
  env: Environment
  /** Given to its standard input, which is closed else. */
  input?: string
  /** Its words go to our standard error as they come, and are not returned. */
  aloud?: boolean
}

export interface Ran {
  /** 127: there is no such program. */
  code: number
  /** The last of what it said, both streams. */
  said: string
}

const saidBytesMax = 64 * 1024
const noSuchProgram = 127

/** Waits for as long as the program takes: a build has its own bounds. */
export async function run({ program, args, cwd, env, input, aloud = false }: Call): Promise<Ran> {
  const stream = aloud ? 2 : 'pipe'
  const child = spawn(program, args, { cwd, env, stdio: ['pipe', stream, stream] })
  let said = ''
  for (const output of [child.stdout, child.stderr]) {
    output?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-saidBytesMax)
    })
  }
  // A program that ends before it has read all of its input says why by its exit code.
  child.stdin?.on('error', () => {})
  child.stdin?.end(input ?? '')
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    return { code: code ?? 1, said: signal === null ? said : `${said}\nended by ${signal}` }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { code: noSuchProgram, said: `${program} is not on PATH` }
    return { code: 1, said: message }
  }
}

/** The first line: what follows it is advice. */
export function firstWords({ said }: Ran): string {
  return said.trim().split('\n')[0]?.trim() ?? ''
}

/** The last line that says something. */
export function lastWords({ said }: Ran): string {
  return said.trim().split('\n').at(-1)?.trim() ?? ''
}
