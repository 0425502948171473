/** What ranges mean and how refusals are worded, once for every implementation of Objects. Pure. */
import { MillraceError } from './errors.ts'
import type { ByteRange, ObjectRef } from './ports.ts'

/** Keys a page of `list` holds: S3's limit. */
export const listPageMax = 1000
/** S3's limit, in bytes of UTF-8. */
export const keyBytesMax = 1024

/** True where nothing is to be read, so that nothing need be asked. Errors: INVARIANT_BROKEN for no range. */
export function isEmptyRange(range: ByteRange | undefined): boolean {
  if (range === undefined) return false
  if (!Number.isSafeInteger(range.start) || !Number.isSafeInteger(range.end) || range.start < 0) {
    throw new MillraceError('INVARIANT_BROKEN', `${range.start} to ${range.end} is no range of bytes.`)
  }
  return range.end <= range.start
}

/** The part of the range that an object of `bytes` has; `start` equals `end` where it has none. */
export function cutRange(range: ByteRange | undefined, bytes: number): ByteRange {
  if (range === undefined) return { start: 0, end: bytes }
  const end = Math.min(range.end, bytes)
  return { start: Math.min(range.start, end), end }
}

const bucketPattern = /^[a-z0-9][a-z0-9.-]{0,62}$/

/** Errors: INVARIANT_BROKEN where S3 would refuse the bucket or the key too. */
export function checkKey(ref: ObjectRef): void {
  if (!bucketPattern.test(ref.bucket)) {
    throw new MillraceError('INVARIANT_BROKEN', `${ref.bucket} is no name of a bucket.`)
  }
  const bytes = Buffer.byteLength(ref.key)
  if (bytes > 0 && bytes <= keyBytesMax && ref.key.isWellFormed()) return
  throw new MillraceError(
    'INVARIANT_BROKEN',
    `A key has 1 to ${keyBytesMax} bytes of UTF-8; this one has ${bytes} in ${ref.bucket}: ${ref.key}`,
  )
}

export function objectMissing(ref: ObjectRef, cause?: unknown): MillraceError {
  return new MillraceError('OBJECT_MISSING', `There is no object ${nameOf(ref)}.`, { cause })
}

export function objectExists(ref: ObjectRef, cause?: unknown): MillraceError {
  return new MillraceError('OBJECT_EXISTS', `The key is taken: ${nameOf(ref)}.`, { cause })
}

export function sourceChanged(ref: ObjectRef, how: string, cause?: unknown): MillraceError {
  return new MillraceError('SOURCE_CHANGED', `${nameOf(ref)} ${how}.`, {
    remedy: 'Drop the file again under a new name, and leave it alone until its run has ended.',
    cause,
  })
}

export function nameOf(ref: ObjectRef): string {
  return `${ref.bucket}/${ref.key}`
}

/** User metadata as S3 keeps it: names in lower case. */
export function lowerCased(metadata: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]))
}
