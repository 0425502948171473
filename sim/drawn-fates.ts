/** What the work of a partition may meet in a story. */
import { MillraceError } from '../shared/errors.ts'
import type { Fate } from './fates.ts'

export const fates: readonly Fate[] = [
  { kind: 'throws', error: new MillraceError('TEMPORARY_FAILURE', 'the network hiccups') },
  { kind: 'throws', error: new MillraceError('WORK_FAILED', 'a bad day') },
  { kind: 'starts wrong', bytesLater: 7 },
  { kind: 'throws', error: new MillraceError('WORK_FAILED', 'no such column', { final: true }) },
  { kind: 'throws', error: new MillraceError('BAD_INPUT', 'it breaks off', { refusal: 'STREAM_CORRUPT' }) },
]
