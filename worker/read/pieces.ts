/** Bytes that the split stage laid down, from one place on, for as long as they are wanted. */
import { type RunDocument, stateKeys } from '../../shared/documents.ts'
import { isError, MillraceError } from '../../shared/errors.ts'
import type { Objects } from '../../shared/ports.ts'
import { bytesFrom } from './bytes.ts'

/**
 * Yields the decompressed bytes from `from` on, first up to `likelyEnd` and a little more, then on to their end.
 * Errors: SOURCE_CHANGED where a piece has expired, THROTTLED, TEMPORARY_FAILURE.
 */
export async function* piecesFrom(
  objects: Objects,
  { runId, pieces }: RunDocument,
  from: number,
  likelyEnd: number,
): AsyncGenerator<Buffer> {
  if (pieces === undefined) throw new MillraceError('INVARIANT_BROKEN', `Run ${runId} is not split yet`)
  const { bucket, bytes, pieceBytes } = pieces
  for (let at = from; at < bytes; ) {
    const piece = Math.floor(at / pieceBytes)
    const start = piece * pieceBytes
    const size = Math.min(pieceBytes, bytes - start)
    const object = { bucket, key: stateKeys.piece(runId, piece), bytes: size }
    try {
      yield* bytesFrom(objects, object, at - start, Math.max(0, likelyEnd - start))
    } catch (cause) {
      if (!isError(cause, 'OBJECT_MISSING')) throw cause
      throw new MillraceError('SOURCE_CHANGED', `${object.key}, a piece of the source, has expired`, {
        cause,
      })
    }
    at = start + size
  }
}
