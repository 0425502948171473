/** Text files of one run as one: a header once, then the records of each, byte for byte. */
import { createReadStream, createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip, createZstdCompress } from 'node:zlib'
import { CsvScanner } from '../../shared/csv-scan.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { decoded, writtenDialect } from '../count.ts'

type Output = Pipeline['output']

/** Errors: COUNT_MISMATCH where the headers of the inputs differ; an AbortError where `signal` is aborted. */
export async function mergeText(
  inputs: readonly string[],
  file: string,
  output: Output,
  signal?: AbortSignal,
): Promise<void> {
  const body = Readable.from(output.format === 'csv' ? csvOf(inputs, output) : bytesOf(inputs, output))
  const target = createWriteStream(file)
  if (output.compression === 'none') return pipeline(body, target, { signal })
  const encoder = output.compression === 'gzip' ? createGzip() : createZstdCompress()
  await pipeline(body, encoder, target, { signal })
}

async function* bytesOf(inputs: readonly string[], output: Output): AsyncGenerator<Buffer> {
  for (const input of inputs) yield* decoded(createReadStream(input), output)
}

async function* csvOf(inputs: readonly string[], output: Output): AsyncGenerator<Buffer> {
  let first: Buffer | undefined
  for (const input of inputs) {
    let head: Buffer | undefined = Buffer.alloc(0)
    for await (const chunk of decoded(createReadStream(input), output) as AsyncIterable<Buffer>) {
      if (head === undefined) {
        yield chunk
        continue
      }
      head = Buffer.concat([head, chunk])
      const end = headerEnd(head)
      if (end === undefined) continue
      const header = head.subarray(0, end)
      if (first === undefined) yield header
      first ??= header
      if (!header.equals(first)) {
        throw new MillraceError('COUNT_MISMATCH', `One file begins ${first}, another ${header}`)
      }
      yield head.subarray(end)
      head = undefined
    }
  }
}

function headerEnd(head: Buffer): number | undefined {
  let end: number | undefined
  new CsvScanner(writtenDialect).scan(head, 0, head.length, line => {
    end = line.end
    return false
  })
  return end
}
