/** Small things about logs. Pure. */
import type { Log } from './ports.ts'

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} }

/** The same log with some fields on every line; a line's own fields come after and win. */
export function withFields(log: Log, fixed: Record<string, unknown>): Log {
  return {
    info: (message, fields) => log.info(message, { ...fixed, ...fields }),
    warn: (message, fields) => log.warn(message, { ...fixed, ...fields }),
    error: (message, fields) => log.error(message, { ...fixed, ...fields }),
  }
}
