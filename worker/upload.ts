/** The attempt's files become objects, each with its checksum. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { outputKeys } from '../shared/documents.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Attempt } from './attempt.ts'
import type { WrittenFile } from './duckdb/write.ts'

const formatTypes = {
  parquet: 'application/vnd.apache.parquet',
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
}
const compressionTypes = { none: undefined, gzip: 'application/gzip', zstd: 'application/zstd' }

/**
 * Notes each in `attempt.outputs`. Errors: STOPPED, and those of writing.
 * @param nameOf the last part of a key, by the file's number in its folder
 */
export async function upload(
  attempt: Attempt,
  files: WrittenFile[],
  nameOf: (number: number) => string,
): Promise<void> {
  const { run, objects, buckets, signal, log } = attempt
  const { prefix, format, compression } = run.pipeline.output
  const contentType =
    (format === 'parquet' ? undefined : compressionTypes[compression]) ?? formatTypes[format]
  const began = attempt.elapsedMs()
  const perFolder = new Map<string, number>()
  for (const { file, folder, records } of files) {
    if (signal?.aborted) throw new MillraceError('STOPPED', 'Asked to stop while uploading')
    const number = perFolder.get(folder) ?? 0
    perFolder.set(folder, number + 1)
    const key = `${outputKeys.runPrefix(prefix, run.runId)}${folder}${nameOf(number)}`
    const { size: bytes } = await stat(file)
    // Noted before it is written: a write that fails half-way may have happened.
    attempt.outputs.push({ key, bytes, sha256: await sha256Of(file), records })
    await objects.write({ bucket: buckets.output, key }, { file }, { contentType })
  }
  if (files.length > 0) log.info('wrote', { files: files.length, ms: attempt.elapsedMs() - began })
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
