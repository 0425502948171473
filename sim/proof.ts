/** Whether a certificate is true, worked out anew from the objects and records themselves. */
import { hash } from 'node:crypto'
import { type Certificate, officialOutputs } from '../shared/certificate.ts'
import { type RunDocument, stateKeys } from '../shared/documents.ts'
import { JsonArray } from '../shared/json/array.ts'
import type { Objects, Records } from '../shared/ports.ts'
import { fromItem, type PartitionRecord, recordKeys } from '../shared/records.ts'
import { PartitionState } from '../shared/vocabulary.ts'
import { countLines } from './stand-in-lines.ts'
import { wholeList } from './stand-in-objects.ts'
import { sifted } from './work.ts'

export async function readBytes(objects: Objects, bucket: string, key: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of await objects.read({ bucket, key })) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Everything that is wrong with it; none where it holds. */
export async function faultsOf(
  certificate: Certificate,
  world: { objects: Objects; records: Records },
  withContent: boolean,
): Promise<string[]> {
  const faults = [...untiled(certificate)]
  const parts: Buffer[] = []
  const seen = new Set<number>()
  // Partitions that were cut have their new ones behind them: their order is that of the source.
  for (const partition of certificate.partitions) {
    const at = partition.partition
    if (seen.has(at)) faults.push(`partition ${at} is there twice`)
    seen.add(at)
    const item = await world.records.get(recordKeys.partition(certificate.runId, at))
    const record = item && fromItem<PartitionRecord>(item)
    if (record?.state !== PartitionState.SUCCEEDED) faults.push(`partition ${at} is ${record?.state}`)
    if (record?.fence !== partition.attempt) faults.push(`partition ${at} is certified for another attempt`)
  }
  for (const output of withContent ? officialOutputs(certificate) : []) {
    if ((await world.objects.head({ bucket: certificate.outputBucket, key: output.key })) === undefined) {
      faults.push(`${output.key} is not there`)
      continue
    }
    const bytes = await readBytes(world.objects, certificate.outputBucket, output.key)
    const sha256 = hash('sha256', bytes, 'hex')
    if (sha256 !== output.sha256 || bytes.length !== output.bytes) faults.push(`${output.key} differs`)
    parts.push(bytes)
  }
  if (withContent) faults.push(...(await contentFaults(certificate, world.objects, Buffer.concat(parts))))
  return faults
}

function* untiled({ partitions, dataStart, dataEnd }: Certificate): Generator<string> {
  let at = dataStart
  for (const { partition, range } of partitions) {
    if (range === null) continue
    if (range[0] !== at) yield `partition ${partition} starts at ${range[0]}, not at ${at}`
    at = range[1]
  }
  if (at !== dataEnd) yield `the ranges end at ${at}, the data at ${dataEnd}`
}

async function contentFaults(certificate: Certificate, objects: Objects, written: Buffer): Promise<string[]> {
  if (certificate.layout.space === 'objects') return listFaults(certificate, objects, written)
  const { bucket, key, etag } = certificate.source
  const info = await objects.head({ bucket, key })
  if (info?.etag !== etag) return []
  const read = await readBytes(objects, bucket, key)
  const { layout, dataStart, dataEnd } = certificate
  const content = (layout.format === 'json' ? new JsonArray().rewrite(read) : read).subarray(dataStart)
  if (dataStart + content.length !== dataEnd) return ['the data does not end where the object does']
  const lines = countLines(content)
  return [
    ...(passing(content).equals(written) ? [] : ['the outputs together are not the source']),
    ...(certificate.recordsRead === lines ? [] : [`${certificate.recordsRead} records of ${lines} are read`]),
  ]
}

/** What a sound work makes of it. */
const passing = (content: Buffer): Buffer => sifted(content, Number.MAX_SAFE_INTEGER).kept

/** Lines end in newlines, so that objects laid end to end are one text. */
async function listFaults({ runId, recordsRead }: Certificate, objects: Objects, written: Buffer) {
  const run = JSON.parse((await readBytes(objects, 'state', stateKeys.run(runId))).toString()) as RunDocument
  const whole = await wholeList(objects, run)
  if (whole === undefined) return []
  return [
    ...(passing(whole.content).equals(written) ? [] : ['the outputs together are not the objects']),
    ...(recordsRead === whole.lines ? [] : [`${recordsRead} records of ${whole.lines} are read`]),
  ]
}
