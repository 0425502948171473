/** A task of the merge stage: the small files of one folder become one, record by record in their order. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { outputKeys, stageBase, stateKeys } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { MergeTask } from '../../shared/merge.ts'
import type { OutputObject, Report } from '../../shared/records.ts'
import { fetchJson } from '../assignment.ts'
import type { Attempt } from '../attempt.ts'
import { countRecords } from '../count.ts'
import { upload } from '../upload.ts'
import { mergeText } from './text.ts'

/** Errors: COUNT_MISMATCH where a file is not the one that was reported, or a record is lost; those of the ports. */
export async function merge(attempt: Attempt): Promise<Report> {
  const { run, assignment, objects, buckets, fence, log } = attempt
  const { output } = run.pipeline
  const number = assignment.partition - stageBase.merge
  const task = await fetchJson<MergeTask>(objects, buckets.state, stateKeys.merge(run.runId, number))
  const began = attempt.elapsedMs()
  const inputs = await fetchInputs(attempt, task.inputs)
  const extension = outputKeys.extension(output)
  const file = join(attempt.scratch.out, `merged.${extension}`)
  const records =
    output.format === 'parquet' ? await parquet(attempt, inputs, file) : await text(attempt, inputs, file)
  const recordsRead = task.inputs.reduce((sum, input) => sum + input.records, 0)
  if (records !== recordsRead) {
    throw new MillraceError(
      'COUNT_MISMATCH',
      `${inputs.length} files of ${recordsRead} records made one of ${records}`,
    )
  }
  log.info('merged', { files: inputs.length, records, ms: attempt.elapsedMs() - began })
  await upload(attempt, [{ file, folder: task.folder, records }], () =>
    outputKeys.merged(number, fence, extension),
  )
  return { recordsRead, recordsRejected: 0, recordsWritten: records, outputs: attempt.outputs }
}

async function parquet(attempt: Attempt, inputs: string[], file: string): Promise<number> {
  const { scratch, signal, run } = attempt
  const { mergeParquet } = await import('./parquet.ts')
  const session = await attempt.openSession({ scratch, signal })
  try {
    return await mergeParquet(session, inputs, file, run.pipeline.output)
  } finally {
    session.close()
  }
}

async function text({ run, signal }: Attempt, inputs: string[], file: string): Promise<number> {
  const { output } = run.pipeline
  await mergeText(inputs, file, output, signal)
  return countRecords(createReadStream(file), output)
}

/** To the scratch folder, in order; each held against its checksum. */
async function fetchInputs(
  { objects, buckets, scratch, signal }: Attempt,
  inputs: readonly OutputObject[],
): Promise<string[]> {
  const folder = join(scratch.dir, 'merge')
  await mkdir(folder)
  const files: string[] = []
  for (const { key, sha256 } of inputs) {
    const file = join(folder, String(files.length))
    const hash = createHash('sha256')
    const body = await objects.read({ bucket: buckets.output, key })
    const hashed = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk)
        yield chunk
      }
    }
    await pipeline(body, hashed, createWriteStream(file), { signal })
    if (hash.digest('hex') !== sha256) {
      throw new MillraceError('COUNT_MISMATCH', `${key} is no longer the file that its partition reported`)
    }
    files.push(file)
  }
  return files
}
