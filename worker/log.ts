/** One JSON object a line on stdout, the run, round and partition on every one of them. */
import { isoTime } from '../shared/clock.ts'
import type { Clock, Log } from '../shared/ports.ts'

export interface WorkerLog extends Log {
  /** The same log with more fields on every line from now on. */
  with(fields: Record<string, unknown>): WorkerLog
}

export function createLog(clock: Clock, write: (line: string) => void, fields = {}): WorkerLog {
  const say =
    (level: string) =>
    (message: string, more: Record<string, unknown> = {}) =>
      write(`${JSON.stringify({ level, message, time: isoTime(clock.now()), ...fields, ...more })}\n`)
  return {
    info: say('INFO'),
    warn: say('WARN'),
    error: say('ERROR'),
    with: more => createLog(clock, write, { ...fields, ...more }),
  }
}
