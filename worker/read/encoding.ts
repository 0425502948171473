/** Texts of other encodings than UTF-8. */
import type { Encoding } from '../../shared/layout.ts'

/** Bytes of a code unit: cuts are made between them. */
export function unitBytesOf(encoding: Encoding): 1 | 2 {
  return encoding === 'utf-16le' || encoding === 'utf-16be' ? 2 : 1
}
