/** Where in a compressed object a partition begins to read: a guess, which settle proves. */
import { findMember, trialBytes } from '../../../shared/compression/members.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { bytesFrom } from '../bytes.ts'
import { Input } from '../input.ts'
import type { StretchSource } from '../stretch.ts'

const windowBytes = 1024 ** 2

/** The first member or frame in the assignment's range, as far as one can tell. Errors: STOPPED, those of reading. */
export async function firstMemberIn({
  objects,
  run,
  assignment,
  signal,
}: StretchSource): Promise<number | undefined> {
  const { start, end } = assignment
  const input = new Input(bytesFrom(objects, run.source, start, end), start)
  try {
    while (input.at < end) {
      if (signal?.aborted) throw new MillraceError('STOPPED', 'Asked to stop while reading')
      const window = await input.peek(windowBytes)
      const atEnd = window.length < windowBytes
      const searched = atEnd ? window.length : windowBytes - trialBytes
      const wanted = Math.min(searched, end - input.at)
      const found = findMember(window, run.layout.compression, 0, wanted)
      if (found !== undefined) return input.at + found
      if (searched === 0) return undefined
      await input.take(searched)
    }
    return undefined
  } finally {
    await input.close()
  }
}
