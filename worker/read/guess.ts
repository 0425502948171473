/**
 * Where is the byte before a cut: outside quotes, inside, in a comment? Each answer is tried on a sample; the one
 * whose records have the table's columns and sound quotes is taken. A guess: settle proves it, by the neighbour's
 * real end.
 */
import { CsvFault } from '../../shared/csv-fault.ts'
import type { Guess } from '../../shared/csv-place.ts'
import { CsvScanner } from '../../shared/csv-scan.ts'
import type { CsvDialect } from '../../shared/layout.ts'

export const sampleBytesMax = 1024 * 1024
/** One broken record must not outweigh a sample of sound ones, nor one sound record a page of prose. */
const brokenWeight = 10

/** `sample`: bytes from the one before the cut on. Of a tie the first is taken: outside, inside, comment. */
export function guessPlace(sample: Buffer, dialect: CsvDialect, columns: number): Guess {
  const { quote, comment } = dialect
  const others: Guess[] = [
    ...(quote ? (['inside'] as const) : []),
    ...(comment ? (['comment'] as const) : []),
  ]
  let best: Guess = 'outside'
  let most = others.length === 0 ? 0 : plausibility(sample, dialect, columns, best)
  for (const guess of others) {
    const score = plausibility(sample, dialect, columns, guess)
    if (score > most) [best, most] = [guess, score]
  }
  return best
}

function plausibility(sample: Buffer, dialect: CsvDialect, columns: number, guess: Guess): number {
  let begin = -1
  let score = 0
  new CsvScanner(dialect, guess).scan(
    sample,
    0,
    sample.length,
    ({ end, contentEnd, fault, fields, comment }) => {
      if (begin !== -1 && contentEnd > begin && !comment) {
        score += fault === CsvFault.none && fields === columns ? 1 : -brokenWeight
      }
      begin = end
      return true
    },
  )
  return score
}
