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
/** Of a report, which is kept in the partition's record: DynamoDB takes 400 KiB, and attempts are in it too. */
const outputsBytesMax = 256 * 1024

const compressionTypes = { none: undefined, gzip: 'application/gzip', zstd: 'application/zstd' }

/**
 * Notes each in `attempt.outputs`. Errors: WORK_FAILED before anything is written where they are too many for a
 * report, STOPPED, and those of writing.
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
  const keys = keysOf(files, outputKeys.runPrefix(prefix, run.runId), nameOf)
  refuseTooMany(keys)
  for (const [at, { file, records }] of files.entries()) {
    if (signal?.aborted) throw new MillraceError('STOPPED', 'Asked to stop while uploading')
    const key = keys[at] ?? ''
    const { size: bytes } = await stat(file)
    // Noted before it is written: a write that fails half-way may have happened.
    attempt.outputs.push({ key, bytes, sha256: await sha256Of(file), records })
    await objects.write({ bucket: buckets.output, key }, { file }, { contentType })
  }
  if (files.length > 0) log.info('wrote', { files: files.length, ms: attempt.elapsedMs() - began })
}

function keysOf(
  files: readonly WrittenFile[],
  runPrefix: string,
  nameOf: (number: number) => string,
): string[] {
  const perFolder = new Map<string, number>()
  return files.map(({ folder }) => {
    const number = perFolder.get(folder) ?? 0
    perFolder.set(folder, number + 1)
    return `${runPrefix}${folder}${nameOf(number)}`
  })
}

/** Beside its key, of each output: its checksum, two numbers and their names. */
const besideKeyBytes = 128

function refuseTooMany(keys: readonly string[]): void {
  const bytes = keys.reduce((sum, key) => sum + Buffer.byteLength(key) + besideKeyBytes, 0)
  if (bytes <= outputsBytesMax) return
  throw new MillraceError(
    'WORK_FAILED',
    `The result is ${keys.length} files in folders of their own: more than a partition can report`,
    {
      remedy:
        'Name columns of fewer values in output.partitionBy, or coarser ones (the month, not the minute), or set split.partitionBytes to less.',
    },
  )
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
