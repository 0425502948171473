/** Was a program killed because the container's memory was used up? The kernel counts that, where it is asked. */
import { readFileSync } from 'node:fs'

/** Of control groups, version 2 and version 1. */
const counters = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control']

/** How many processes of this container the kernel has killed for memory; `undefined` where nobody says. */
export function oomKills(files: readonly string[] = counters): number | undefined {
  for (const file of files) {
    const [, count] = /^oom_kill (\d+)$/m.exec(textOf(file)) ?? []
    if (count !== undefined) return Number(count)
  }
  return undefined
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** @param before `oomKills()` when the program was started */
export function killedForMemory(
  killedBy: NodeJS.Signals | null,
  before: number | undefined,
  files: readonly string[] = counters,
): boolean {
  return killedBy === 'SIGKILL' && before !== undefined && (oomKills(files) ?? 0) > before
}
