/** What the functions of a local stack say: every line kept in a file, the telling ones shown. */
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { isoTime, systemClock } from '../shared/clock.ts'
import type { Log } from '../shared/ports.ts'

export const functionsLogFile = (dataDir: string): string => join(dataDir, 'logs', 'functions.ndjson')

/** `show` also writes readable lines to stderr; errors are always shown. */
export function stackLog(dataDir: string, show: boolean): Log {
  mkdirSync(join(dataDir, 'logs'), { recursive: true })
  const file = functionsLogFile(dataDir)
  const say = (
    level: 'info' | 'warn' | 'error',
    message: string,
    fields: Record<string, unknown> = {},
  ): void => {
    const at = isoTime(systemClock.now())
    const line = { at, level, message, ...plain(fields) }
    appendFileSync(file, `${JSON.stringify(line)}\n`)
    if (show || level === 'error') process.stderr.write(`${readable(at, level, message, plain(fields))}\n`)
  }
  return {
    info: (message, fields) => say('info', message, fields),
    warn: (message, fields) => say('warn', message, fields),
    error: (message, fields) => say('error', message, fields),
  }
}

/** Errors have no enumerable fields: their words would be lost in JSON. */
function plain(fields: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    value instanceof Error ? value.message : value,
  ])
  return Object.fromEntries(entries) as Record<string, unknown>
}

const colours = { info: 'green', warn: 'yellow', error: 'red' } as const

function readable(
  at: string,
  level: keyof typeof colours,
  message: string,
  fields: Record<string, unknown>,
): string {
  const { function: name, ...rest } = fields
  const words = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const step = styleText(colours[level], String(name ?? 'stack').padEnd(9))
  return `${at.slice(11, 19)} ${step} ${message} ${styleText('dim', words.join(' '))}`
}
