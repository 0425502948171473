/** Refusing a request: on the wire a ClientException. */
import { MillraceError } from '../../shared/errors.ts'

export function refuse(message: string): never {
  throw new MillraceError('MALFORMED', message)
}

export function unknown(message: string): never {
  throw new MillraceError('NOT_FOUND', message)
}
