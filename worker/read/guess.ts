/**
 * Is the byte before a cut inside quotes? Both answers are tried on a sample; the one whose records have the
 * table's columns and sound quotes is taken. A guess: settle proves it, by the neighbour's real end.
 */
import { CsvFault, CsvScanner } from '../../shared/csv-scan.ts'
import type { CsvDialect } from '../../shared/layout.ts'

export const sampleBytesMax = 1024 * 1024
/** One broken record must not outweigh a sample of sound ones, nor one sound record a page of prose. */
const brokenWeight = 10

export type Guess = 'outside' | 'inside'

/** `sample`: bytes from the one before the cut on. A tie is taken as outside. */
export function guessPlace(sample: Buffer, dialect: CsvDialect, columns: number): Guess {
  const outside = plausibility(sample, dialect, columns, 'outside')
  return plausibility(sample, dialect, columns, 'inside') > outside ? 'inside' : 'outside'
}

function plausibility(sample: Buffer, dialect: CsvDialect, columns: number, guess: Guess): number {
  let begin = -1
  let score = 0
  new CsvScanner(dialect, guess).scan(sample, 0, sample.length, ({ end, contentEnd, fault, fields }) => {
    if (begin !== -1 && contentEnd > begin) {
      score += fault === CsvFault.none && fields === columns ? 1 : -brokenWeight
    }
    begin = end
    return true
  })
  return score
}
