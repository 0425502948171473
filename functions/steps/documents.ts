/** JSON documents in the state and output buckets. */
import { type RunDocument, stateKeys } from '../../shared/documents.ts'
import { isError, MillraceError } from '../../shared/errors.ts'
import type { ObjectRef, Objects } from '../../shared/ports.ts'
import type { RunRecord } from '../../shared/records.ts'
import { Stage } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'

/** Nothing we write is larger: a certificate of 100,000 partitions stays below. */
const documentBytesMax = 256 * 1024 ** 2

/** Errors: OBJECT_MISSING, MALFORMED. */
export async function readDocument<Shape>(objects: Objects, ref: ObjectRef): Promise<Shape> {
  const bytes = await readAll(objects, ref, documentBytesMax)
  try {
    return JSON.parse(bytes.toString('utf8')) as Shape
  } catch (cause) {
    throw new MillraceError('MALFORMED', `${ref.bucket}/${ref.key} is not JSON`, { cause })
  }
}

/** The run as the stage it is in sees it. Errors: OBJECT_MISSING, MALFORMED. */
export function runDocument(
  { objects, config }: Pick<World, 'objects' | 'config'>,
  { runId, splits, stage }: RunRecord,
): Promise<RunDocument> {
  const planned = splits && stage !== Stage.split ? stateKeys.splitRun : stateKeys.run
  return readDocument<RunDocument>(objects, { bucket: config.buckets.state, key: planned(runId) })
}

/** The first one written stays, whoever wrote it. @returns what stands */
export async function freeze<Shape>(objects: Objects, ref: ObjectRef, document: Shape): Promise<Shape> {
  return (await writeOnce(objects, ref, document)) ? document : readDocument<Shape>(objects, ref)
}

/** Writes it unless the key is taken. @returns whether it was ours that was written */
export async function writeOnce(objects: Objects, ref: ObjectRef, document: unknown): Promise<boolean> {
  try {
    await objects.write(ref, Buffer.from(JSON.stringify(document)), {
      once: true,
      contentType: 'application/json',
    })
    return true
  } catch (error) {
    if (isError(error, 'OBJECT_EXISTS')) return false
    throw error
  }
}

async function readAll(objects: Objects, ref: ObjectRef, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of await objects.read(ref)) {
    chunks.push(chunk as Buffer)
    bytes += (chunk as Buffer).length
    if (bytes > bytesMax) throw new MillraceError('MALFORMED', `${ref.key} is larger than ${bytesMax} bytes`)
  }
  return Buffer.concat(chunks)
}
