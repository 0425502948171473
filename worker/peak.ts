/** How much memory this process took at its peak. */
import { readFileSync } from 'node:fs'

/** Linux's own figure where there is one: there, `maxRSS` counts what the parent took before it started us. */
export function peakRssMiB(): number {
  return Math.round((highWaterKiB() ?? process.resourceUsage().maxRSS) / 1024)
}

function highWaterKiB(): number | undefined {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    return kib === undefined ? undefined : Number(kib)
  } catch {
    return undefined
  }
}
