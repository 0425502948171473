/** A process that runs SQL for its parent, so that what kills it does not kill the worker. */
import { MillraceError } from '../../shared/errors.ts'
import { openSession, type Session } from '../duckdb/session.ts'
import type { Reply, Request } from './engine-messages.ts'

let session: Session | undefined

async function answerTo(request: Request): Promise<unknown> {
  if (request.ask === 'open') {
    session = await openSession(request.options)
    return undefined
  }
  if (session === undefined) throw new MillraceError('INVARIANT_BROKEN', 'No session is open')
  if (request.ask === 'columns') return session.columns(request.sql)
  if (request.ask === 'statementType') return session.statementType(request.sql)
  return session[request.ask](request.sql, request.code)
}

async function replyTo(request: Request): Promise<Reply> {
  try {
    return { value: await answerTo(request) }
  } catch (error) {
    const code = error instanceof MillraceError ? error.code : 'WORK_FAILED'
    return { failed: { code, message: error instanceof Error ? error.message : String(error) } }
  }
}

process.on('message', (request: Request) => void replyTo(request).then(reply => process.send?.(reply)))
// The worker, which is told too, decides; and without it there is nobody to work for.
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit())
