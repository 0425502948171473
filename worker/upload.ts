/** The attempt's files become objects, each with its checksum. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { outputKeys } from '../shared/documents.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Attempt } from './attempt.ts'
import type { WrittenFile } from './duckdb/write.ts'

/** Notes each in `attempt.outputs`. Errors: STOPPED, and those of writing. */
export async function upload(attempt: Attempt, files: WrittenFile[]): Promise<void> {
  const { run, assignment, fence, objects, buckets, signal, log } = attempt
  const began = attempt.elapsedMs()
  const perFolder = new Map<string, number>()
  for (const { file, folder, records } of files) {
    if (signal?.aborted) throw new MillraceError('STOPPED', 'Asked to stop while uploading')
    const number = perFolder.get(folder) ?? 0
    perFolder.set(folder, number + 1)
    const prefix = outputKeys.runPrefix(run.pipeline.output.prefix, run.runId)
    const key = `${prefix}${folder}${outputKeys.part(assignment.partition, fence, number)}`
    const { size: bytes } = await stat(file)
    // Noted before it is written: a write that fails half-way may have happened.
    attempt.outputs.push({ key, bytes, sha256: await sha256Of(file), records })
    await objects.write(
      { bucket: buckets.output, key },
      { file },
      { contentType: 'application/vnd.apache.parquet' },
    )
  }
  if (files.length > 0) log.info('wrote', { files: files.length, ms: attempt.elapsedMs() - began })
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
