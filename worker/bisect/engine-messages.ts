/** What the worker and the process that runs the user's SQL for it say to each other. */
import type { ErrorCode } from '../../shared/errors.ts'
import type { SessionOptions } from '../duckdb/session.ts'

export interface OpenRequest {
  ask: 'open'
  options: Omit<SessionOptions, 'signal'>
}

export interface SqlRequest {
  ask: 'run' | 'rows' | 'columns' | 'statementType'
  sql: string
  code?: ErrorCode | undefined
}

export type Request = OpenRequest | SqlRequest

/** The next request comes only behind the reply to the last. */
export type Reply = { value: unknown } | { failed: { code: ErrorCode; message: string } }
