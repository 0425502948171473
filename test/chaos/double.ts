/** Batch promises nothing against running a job twice: here it does so, and the first one wakes when it is late. */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { systemClock } from '../../shared/clock.ts'

const worker = path.resolve(import.meta.dirname, '../../worker/main.ts')
let doubles = 0

/**
 * Freezes a worker for `frozenMs` and starts the same one beside it. Linux only. False: it is gone, or was not yet
 * itself.
 */
export function doubled(pid: number, dataDir: string, frozenMs: number): boolean {
  try {
    const env = variablesOf(pid)
    if (env.MILLRACE_DATA_DIR !== dataDir) return false
    const dir = path.join(dataDir, 'scratch', `double-${process.pid}-${doubles++}`)
    mkdirSync(dir, { recursive: true })
    process.kill(pid, 'SIGSTOP')
    spawn(process.execPath, [worker], { env: { ...env, TMPDIR: dir }, cwd: dataDir, stdio: 'ignore' }).unref()
    void systemClock.sleep(frozenMs).then(() => awake(pid))
    return true
  } catch {
    return false
  }
}

function variablesOf(pid: number): Record<string, string> {
  const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  return Object.fromEntries(
    entries.filter(entry => entry.includes('=')).map(entry => entry.split(/=(.*)/s, 2)),
  )
}

function awake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch {
    // It was killed meanwhile.
  }
}
