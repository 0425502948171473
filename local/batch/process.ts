/** Processes of the operating system: signalled by group, and known again by more than their number. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * What tells a process from a later one with the same number: when it was started, and in which boot.
 * `undefined` where there is no such process or the system does not say: then it is never signalled.
 */
export function identityOf(pid: number): string | undefined {
  try {
    return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid)
  } catch {
    return undefined
  }
}

function linuxIdentity(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // Field 2 is the command in parentheses and may hold anything; field 3 follows the last one. Field 22: start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return fields[0] === 'Z' ? undefined : `${boot} ${fields[19]}`
}

function psIdentity(pid: number): string | undefined {
  return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
}

/** As a container is stopped: its main process is asked. */
export function askToStop(pid: number): void {
  signal(pid, 'SIGTERM')
}

/** As a container is torn down: all of its processes at once. */
export function killGroup(pid: number): void {
  for (const child of childrenOf(pid)) signal(-child, 'SIGKILL')
  signal(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
}

/** Those in groups of their own, as the commands of workers are; where the system tells. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number)
  } catch {
    return []
  }
}

function signal(target: number, name: NodeJS.Signals): void {
  try {
    process.kill(target, name)
  } catch {
    // Gone already, which is what was wanted.
  }
}
