/** Records as they stand in the source, but in UTF-8 and each ended by LF: nothing is taken apart. */
import { isCommand } from '../../shared/pipeline/work.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import type { RecordFormat } from '../read/format.ts'
import { rawOf } from '../read/walk.ts'

export function isRaw({ work }: Pick<Pipeline, 'work'>): boolean {
  return isCommand(work) && work.input === 'raw'
}

export function rawFormat(format: RecordFormat): RecordFormat {
  return {
    ...format,
    spool: (unit, spool) => {
      const raw = rawOf(unit)
      spool.copy(raw, 0, raw.length)
    },
  }
}
