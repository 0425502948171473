/** The one task of the split stage: a stream that can only be read from its start, laid down in pieces. */
import { pieceBytesOf } from '../../shared/plan/split.ts'
import type { Report } from '../../shared/records.ts'
import type { Attempt } from '../attempt.ts'
import { contentOf } from '../read/content.ts'
import { PieceWriter } from './pieces.ts'

type Splitting = Pick<Attempt, 'objects' | 'buckets' | 'run' | 'signal' | 'log' | 'elapsedMs'>

/**
 * Every attempt lays down the same pieces, and skips those that are there: it may be started anew, or run twice.
 * Errors: STOPPED, BAD_INPUT with a refusal where the stream cannot be taken, and those of reading and writing.
 */
export async function split(attempt: Splitting): Promise<Report> {
  const { objects, run, signal, log } = attempt
  const began = attempt.elapsedMs()
  const writer = await PieceWriter.open(attempt, pieceBytesOf(run))
  try {
    for await (const chunk of contentOf({ objects, run, signal })) await writer.write(chunk)
    const laid = await writer.end()
    log.info('split', { ...laid, found: writer.found, ms: attempt.elapsedMs() - began })
    const none = { recordsRead: 0, recordsRejected: 0, recordsWritten: 0, outputs: [] }
    return { range: { start: 0, end: run.source.bytes }, ...none, split: laid }
  } finally {
    await writer.settled()
  }
}
