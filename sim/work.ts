/** The work of the simulator: lines pass as they are, but for those that a story has marked. */
import { MillraceError } from '../shared/errors.ts'

export const marks = {
  /** The record is no sound one: it is rejected. */
  rejected: '!reject',
  /** The user's own work fails on it, whenever it is tried. */
  fatal: '!fatal',
} as const

const anyMark = Buffer.from('!')

/** Without the records that are rejected. Errors: WORK_FAILED, BAD_INPUT where more is rejected than tolerated. */
export function sifted(bytes: Buffer, tolerated: number): { kept: Buffer; rejected: number } {
  if (!bytes.includes(anyMark)) return { kept: bytes, rejected: 0 }
  const lines = bytes.toString().split(/(?<=\n)/)
  if (lines.some(line => line.includes(marks.fatal)))
    throw new MillraceError('WORK_FAILED', 'the work cannot take this record')
  const kept = lines.filter(line => !line.includes(marks.rejected))
  const rejected = lines.length - kept.length
  if (rejected > tolerated)
    throw new MillraceError('BAD_INPUT', `${rejected} records were rejected, ${tolerated} are tolerated`)
  return { kept: Buffer.from(kept.join('')), rejected }
}
