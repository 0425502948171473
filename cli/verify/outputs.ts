/** Whether the published objects are the ones that the certificate names, and they alone. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Certificate, officialOutputs } from '../../shared/certificate.ts'
import { outputKeys, type RunDocument } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import type { OutputObject } from '../../shared/records.ts'
import type { World } from '../../shared/world.ts'
import { countRecords } from '../../worker/count.ts'
import type { Session } from '../../worker/duckdb/session.ts'
import { recordsIn } from '../../worker/duckdb/write.ts'
import type { OnFault } from './fault.ts'

interface Context {
  world: Pick<World, 'objects' | 'config'>
  certificate: Certificate
  document: RunDocument
  /** A folder for one output at a time. */
  dir: string
  session: Session
  onFault: OnFault
  tell: (words: string) => void
}

/** Answers how many there are and how many bytes they have. */
export async function verifyOutputs(context: Context): Promise<{ outputs: number; bytes: number }> {
  const official = officialOutputs(context.certificate)
  await verifyFolder(context, new Set(official.map(({ key }) => key)))
  for (const [at, output] of official.entries()) {
    context.tell(`output ${at + 1} of ${official.length}`)
    await verifyOutput(context, output)
  }
  await verifyRejects(context)
  return { outputs: official.length, bytes: official.reduce((sum, { bytes }) => sum + bytes, 0) }
}

async function verifyFolder({ world, certificate, document, onFault }: Context, named: Set<string>) {
  const prefix = outputKeys.runPrefix(document.pipeline.output.prefix, document.runId)
  let after: string | undefined
  do {
    const { objects, next } = await world.objects.list(certificate.outputBucket, prefix, after)
    for (const { key } of objects) {
      if (!named.has(key)) onFault('OUTPUT_UNKNOWN', key, 'the certificate does not name it')
    }
    after = next
  } while (after !== undefined)
}

async function verifyOutput(context: Context, output: OutputObject): Promise<void> {
  const { world, certificate, document, dir, session, onFault } = context
  const file = join(dir, 'output')
  try {
    const body = await world.objects.read({ bucket: certificate.outputBucket, key: output.key })
    await pipeline(body, createWriteStream(file))
    const { bytes, sha256 } = await digestOf(file)
    if (bytes !== output.bytes || sha256 !== output.sha256) {
      return onFault(
        'OUTPUT_DIFFERS',
        output.key,
        `${bytes} bytes of sha256 ${sha256}, certified are ${output.bytes} of ${output.sha256}`,
      )
    }
    const records = await recordsIn(session, file, document.pipeline.output)
    if (records !== output.records) {
      onFault('OUTPUT_DIFFERS', output.key, `it holds ${records} records, certified are ${output.records}`)
    }
  } catch (error) {
    if (!isError(error, 'OBJECT_MISSING')) throw error
    onFault('OUTPUT_MISSING', output.key, 'no object has this key')
  } finally {
    await rm(file, { force: true })
  }
}

async function digestOf(file: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: hash.digest('hex') }
}

async function verifyRejects({ world, certificate, onFault }: Context): Promise<void> {
  for (const { partition, recordsRejected, rejectsKey } of certificate.partitions) {
    const kept = rejectsKey === undefined ? 0 : await rejectsKept(world, rejectsKey)
    if (kept === recordsRejected) continue
    onFault('REJECTS_DIFFER', `partition ${partition}`, `${recordsRejected} were counted, ${kept} are kept`)
  }
}

async function rejectsKept({ objects, config }: Context['world'], key: string): Promise<number> {
  try {
    const lines = { format: 'ndjson', compression: 'none' } as const
    return await countRecords(await objects.read({ bucket: config.buckets.state, key }), lines)
  } catch (error) {
    if (isError(error, 'OBJECT_MISSING')) return 0
    throw error
  }
}
