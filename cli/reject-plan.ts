/** Whether a file of rejected records would be read as their source was, before it is dropped. */
import { createReadStream, createWriteStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { pipeline as connected } from 'node:stream/promises'
import { isDeepStrictEqual } from 'node:util'
import { createGzip, createZstdCompress } from 'node:zlib'
import type { RunDocument } from '../shared/documents.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Layout } from '../shared/layout.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { isRefusal } from '../shared/plan/refusal.ts'
import { headBytesMax, planRun } from '../shared/plan.ts'
import type { ReplayFile } from './reject-files.ts'

/** What a pipeline may leave to be found out, and a few bad records may then tell otherwise. */
const found = ['encoding', 'csv'] as const satisfies (keyof Layout)[]

/**
 * The files as they are to be dropped: compressed where the pipeline takes nothing else.
 * Errors: NOT_ALLOWED where planning refuses one, or has another mind about its header.
 */
export async function planReplay(
  pipeline: Pipeline,
  run: RunDocument,
  files: readonly ReplayFile[],
): Promise<{ files: string[]; warnings: string[] }> {
  const made: string[] = []
  const warnings: string[] = []
  for (const { file } of files) {
    const path = await compressed(file, pipeline.source.compression)
    made.push(path)
    const planned = await planOf(pipeline, path)
    if ((run.layout.header ?? false) !== (planned.layout.header ?? false)) throw headerDiffers(run)
    for (const name of found) {
      const [was, is] = [run.layout[name], planned.layout[name]]
      if (!isDeepStrictEqual(was, is)) warnings.push(otherwise(name, was, is))
    }
  }
  return { files: made, warnings }
}

async function compressed(file: string, compression: Pipeline['source']['compression']): Promise<string> {
  if (compression !== 'gzip' && compression !== 'zstd') return file
  const path = `${file}.${compression}`
  const compress = compression === 'gzip' ? createGzip() : createZstdCompress()
  await connected(createReadStream(file), compress, createWriteStream(path))
  return path
}

async function planOf(pipeline: Pipeline, file: string): Promise<RunDocument> {
  const { size: bytes } = await stat(file)
  const read = ({ start, end }: { start: number; end: number }) => rangeOf(file, start, end)
  const source = { bucket: 'drops', key: file, bytes, etag: '' }
  const head = await read({ start: 0, end: Math.min(bytes, headBytesMax) })
  const planned = await planRun('replay', pipeline, { source, head, read })
  if (!isRefusal(planned)) return planned
  throw new MillraceError('NOT_ALLOWED', `The pipeline would refuse the records: ${planned.words}`, {
    remedy: planned.remedy,
  })
}

async function rangeOf(file: string, start: number, end: number): Promise<Buffer> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - start), 0, end - start, start)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

function headerDiffers({ layout: { header } }: RunDocument): MillraceError {
  const words = header
    ? 'The header before the records would be taken for one'
    : 'A record would be taken for a header'
  return new MillraceError('NOT_ALLOWED', words, {
    remedy: `Set source.header to ${header ?? false} in the pipeline.`,
  })
}

function otherwise(name: string, was: unknown, is: unknown): string {
  const [now, then] = [is, was].map(value => (value === undefined ? 'none' : JSON.stringify(value)))
  return `source.${name} would be read as ${now}; the run's was ${then}. If that is no fix, set it in the pipeline.`
}
