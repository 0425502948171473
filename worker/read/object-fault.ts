/** Among many objects, a fault in one must say in which. */
import { isError, MillraceError } from '../../shared/errors.ts'
import type { Refusal } from '../../shared/plan/refusal.ts'
import type { ObjectRef } from '../../shared/ports.ts'

type Named = Pick<ObjectRef, 'key'>

export function refusedObject({ key }: Named, { code, words, remedy }: Refusal): MillraceError {
  return new MillraceError('BAD_INPUT', `${key}: ${words}`, { refusal: code, remedy })
}

/** What of `error` concerns the data, with the object's key; any other as it is. */
export function namingObject({ key }: Named, error: unknown): unknown {
  const concerned = isError(error, 'BAD_INPUT') || isError(error, 'COUNT_MISMATCH')
  if (!concerned || error.message.startsWith(`${key}: `)) return error
  const { code, refusal, remedy, message } = error
  return new MillraceError(code, `${key}: ${message}`, {
    cause: error,
    ...(refusal === undefined ? {} : { refusal }),
    ...(remedy === undefined ? {} : { remedy }),
  })
}
