/** What S3 threw about an object, in our words. By status and error class, never by message text. */
import { objectExists, objectMissing, sourceChanged } from '../object-rules.ts'
import type { ObjectRef, ReadOptions } from '../ports.ts'
import { awsFault } from './faults.ts'

export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const { httpStatusCode } = error.$metadata as { httpStatusCode?: number }
  return httpStatusCode
}

/** A range that begins behind the end of the object; S3 looks at etag and version before that. */
export function isBeyondEnd(error: unknown): boolean {
  return statusOf(error) === 416
}

/** HEAD has no body to say more. A bucket that is missing is a fault of the set-up, not of the object. */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket'
}

/** Another conditional write to the key is under way; which of the two wins is not settled yet. */
export function isConflict(error: unknown): boolean {
  return statusOf(error) === 409
}

/** Errors of a GET: OBJECT_MISSING, SOURCE_CHANGED, and those of `awsFault`. */
export function readFault(ref: ObjectRef, { etag, version }: ReadOptions, error: unknown): unknown {
  if (statusOf(error) === 412) return sourceChanged(ref, 'was overwritten', error)
  // 405: that version is a delete marker. 400 of a version: it is none of this bucket's.
  const gone = isMissing(error) || (version !== undefined && [400, 405].includes(statusOf(error) ?? 0))
  if (!gone) return awsFault('S3 GetObject', error)
  const identified = etag !== undefined || version !== undefined
  return identified ? sourceChanged(ref, 'is gone', error) : objectMissing(ref, error)
}

/** Errors of a write: OBJECT_EXISTS, and those of `awsFault`. */
export function writeFault(ref: ObjectRef, once: boolean, error: unknown): unknown {
  if (once && statusOf(error) === 412) return objectExists(ref, error)
  return awsFault('S3 PutObject', error)
}
