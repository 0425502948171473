/** What the functions log, and what surprised them: an error that no story asked for. */
import type { Log } from '../shared/ports.ts'
import { isInjected } from './trouble.ts'

export interface Logged {
  level: string
  message: string
  fields: Record<string, unknown>
}

export interface Failed {
  step: string
  error: unknown
}

export function logOf(by: string, logged: Logged[], failures: Failed[]): Log {
  const say =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      logged.push({ level, message, fields })
      const { error } = fields
      if (error !== undefined && !isInjected(error)) failures.push({ step: by, error })
    }
  return { info: say('info'), warn: say('warn'), error: say('error') }
}
