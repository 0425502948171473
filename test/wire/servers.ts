/** Servers that other people wrote, from .second-opinions/ (test/second-opinions/install.sh), on 127.0.0.1. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { environment } from '../../shared/config.ts'

const root = path.join(import.meta.dirname, '..', '..')
const installed = path.join(root, '.second-opinions')
const moto = path.join(installed, 'venv', 'bin', 'moto_server')
/** With pyarrow. */
export const python = path.join(installed, 'venv', 'bin', 'python')
const dynamodbLocal = path.join(installed, 'dynamodb-local')
const versitygw = path.join(installed, 'bin', 'versitygw')

/** A Java server on a busy machine takes some seconds. */
const startMsMax = 60_000
/** After a polite signal. */
const stopMsMax = 5_000

/** What each of them takes as credentials; none of them is an account. */
export const credentials = { accessKeyId: 'wire', secretAccessKey: 'wire-only-here' }
export const region = 'us-east-1'

export interface Server {
  url: string
  stop(): Promise<void>
}

export interface SecondOpinion {
  name: string
  /** Why it cannot be asked; `undefined` where it is installed. */
  missing: string | undefined
  start(): Promise<Server>
}

const hint = 'is not installed (test/second-opinions/install.sh says why)'

export const secondOpinions = {
  moto: {
    name: 'moto',
    missing: existsSync(moto) ? undefined : `moto ${hint}`,
    start: startMoto,
  },
  dynamodbLocal: {
    name: "Amazon's DynamoDB Local",
    missing: existsSync(dynamodbLocal) ? undefined : `DynamoDB Local ${hint}`,
    start: startDynamodbLocal,
  },
  versitygw: {
    name: 'versitygw',
    missing: existsSync(versitygw) ? undefined : `versitygw ${hint}`,
    start: startVersitygw,
  },
} as const satisfies Record<string, SecondOpinion>

/** Everything in memory. */
async function startMoto(): Promise<Server> {
  const { said, stop } = await start(
    moto,
    ['-H', '127.0.0.1', '-p', '0'],
    / \* Running on (http:\/\/127\.0\.0\.1:\d+)/,
  )
  return { url: said, stop }
}

/** Everything in memory. */
async function startDynamodbLocal(): Promise<Server> {
  const program = path.join(root, 'test', 'second-opinions', 'dynamodb-local', 'Loopback.java')
  const options = [
    '-Xmx512m',
    `-Dsqlite4java.library.path=${dynamodbLocal}`,
    '-cp',
    path.join(dynamodbLocal, '*'),
  ]
  const { said, stop } = await start('java', [...options, program], /^listening on (\d+)/)
  return { url: `http://127.0.0.1:${said}`, stop }
}

/** A gateway to plain files: a real server, for real data, with versions kept in a folder of their own. */
async function startVersitygw(): Promise<Server> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-'))
  const data = await mkdtemp(path.join(folder, 'data-'))
  const versions = await mkdtemp(path.join(folder, 'versions-'))
  const port = await freePort()
  const place = ['posix', '--versioning-dir', versions, data]
  const { stop } = await start(versitygw, ['--port', `127.0.0.1:${port}`, ...place], /127\.0\.0\.1:\d+/, {
    ROOT_ACCESS_KEY: credentials.accessKeyId,
    ROOT_SECRET_KEY: credentials.secretAccessKey,
  })
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Until the program says what `ready` matches, on either stream; `said` is what it captures. */
async function start(
  program: string,
  options: string[],
  ready: RegExp,
  more: Record<string, string> = {},
): Promise<{ said: string; stop: () => Promise<void> }> {
  const child = spawn(program, options, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment(), ...more },
  })
  // A test that breaks leaves no server behind.
  const killed = (): void => void child.kill('SIGKILL')
  process.once('exit', killed)
  const stop = (): Promise<void> => stopped(child).finally(() => process.off('exit', killed))
  const words: string[] = []
  try {
    return { said: await untilReady(child, ready, words), stop }
  } catch (error) {
    await stop()
    throw new Error(`${path.basename(program)} did not start: ${words.join('\n')}`, { cause: error })
  }
}

async function untilReady(child: ChildProcess, ready: RegExp, words: string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const timer = setTimeout(() => reject(new Error(`no word within ${startMsMax} ms`)), startMsMax)
  child.once('error', reject)
  child.once('exit', code => reject(new Error(`exit ${code}`)))
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    // Read on for as long as it runs: a full pipe would stop the server.
    createInterface({ input: stream }).on('line', line => {
      const match = ready.exec(line)
      if (match !== null) resolve(match[1] ?? match[0])
      if (words.length < 20) words.push(line)
    })
  }
  return promise.finally(() => clearTimeout(timer))
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax)
  await exit
  clearTimeout(timer)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
