/** How many records a written file of text holds, counted by our own reader. */
import { pipeline, type Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { CsvScanner } from '../shared/csv-scan.ts'
import type { CsvDialect } from '../shared/layout.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { LineScanner } from './read/lines.ts'

type Output = Pick<Pipeline['output'], 'format' | 'compression'>

export const writtenDialect: CsvDialect = { delimiter: ',', quote: '"' }

/** Blank lines are records: a NULL that is alone in its row. Errors: those of the stream and of decompression. */
export async function countRecords(bytes: Readable, output: Output): Promise<number> {
  const csv = output.format === 'csv'
  const scanner = csv ? new CsvScanner(writtenDialect) : new LineScanner()
  let lines = 0
  const onLine = (): boolean => {
    lines++
    return true
  }
  let begun = false
  for await (const chunk of decoded(bytes, output) as AsyncIterable<Buffer>) {
    scanner.scan(chunk, 0, chunk.length, onLine)
    if (chunk.length > 0) begun = chunk.at(-1) !== 10
  }
  scanner.finish(0, begun, onLine)
  return csv && lines > 0 ? lines - 1 : lines
}

/** Members and frames that follow one another are one stream. */
export function decoded(bytes: Readable, { compression }: Output): Readable {
  if (compression === 'none') return bytes
  const decoder = compression === 'gzip' ? createGunzip() : createZstdDecompress()
  // A fault of either reaches whoever reads the decoder.
  return pipeline(bytes, decoder, () => {})
}
