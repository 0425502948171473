/**
 * What is read more than once where workers are reclaimed in the middle of their reading: the simulator's house, with
 * notice and without. `node bench/reclaims.ts [--runs 1000]`
 */
import type { Readable } from 'node:stream'
import { parseArgs } from 'node:util'
import { seededRandom } from '../shared/memory/clock.ts'
import type { PipelineInput } from '../shared/pipeline.ts'
import type { ByteRange, ObjectRef, Objects, ReadOptions } from '../shared/ports.ts'
import { fromItem, type RunRecord, recordKeys } from '../shared/records.ts'
import { RunState } from '../shared/vocabulary.ts'
import { type Life, never } from '../sim/life.ts'
import { MemoryHouse } from '../sim/memory-house.ts'
import type { PortCall } from '../sim/port-calls.ts'

const partitions = 8
const partitionBytes = 64 * 1024
/** As they come from the network: a 256th of a partition. In a partition of 256 MiB they are a 4096th. */
const chunkBytes = 256
/** Nobody is reclaimed in these last bytes: the partition is read, what follows is to see where its record ends. */
const lastBytes = 3 * chunkBytes
/** Of the readings: some are too short to be hit, so that about 30 % of all attempts are. */
const reclaimedShare = 0.33
const reconcilesMax = 60

export interface Reclaims {
  sourceBytes: number
  /** Handed to workers, by every attempt. */
  bytesRead: number
  attempts: number
  reclaimed: number
}

const pipeline: PipelineInput = {
  name: 'reclaimed',
  source: { prefix: 'in/', format: 'lines' },
  split: { partitionBytes },
  work: { sql: 'SELECT line FROM input' },
  output: { prefix: 'out/' },
  retry: { backoffSeconds: 1 },
}

/** Does a machine that goes say so before? `nobody`: none goes. */
export type Reclaim = 'with notice' | 'without' | 'nobody'

/** One run. Errors: one that does not succeed, or breaks a promise. */
export async function reclaims(seed: number, how: Reclaim): Promise<Reclaims> {
  const random = seededRandom(seed)
  const counts: Reclaims = { sourceBytes: 0, bytesRead: 0, attempts: 0, reclaimed: 0 }
  let reader: Life | undefined
  const house = new MemoryHouse({
    seed,
    pipelines: [pipeline],
    gated: false,
    mayLeave: () => true,
    // Asked right before the read itself.
    fault: ({ by, name }: PortCall, _, life: Life) => {
      reader = by === 'worker' && name === 'objects.read' ? life : undefined
      return undefined
    },
  })
  const { drops } = house.config.buckets
  house.ports.watched.objects = inChunks(house.ports.watched.objects, drops, range => {
    const hit = reader && how !== 'nobody' && reader.leave?.why === undefined && random() < reclaimedShare
    const readable = range.end - range.start - lastBytes
    return { life: reader, counts, how, endsAt: hit && readable > 0 ? random() * readable : Infinity }
  })
  const text = linesOf(random)
  const runId = await house.drop('in/file.txt', text)
  await house.untilEnded(reconcilesMax)
  await assertPublished(house, runId, seed)
  return { ...counts, sourceBytes: text.length, attempts: house.children.processes }
}

async function assertPublished({ ports, failures }: MemoryHouse, runId: string, seed: number): Promise<void> {
  const item = await ports.records.get(recordKeys.run(runId))
  const { state, failure } = item ? fromItem<RunRecord>(item) : {}
  const surprises = [...failures.map(({ error }) => String(error)), ...ports.invariants.broken]
  if (state === RunState.SUCCEEDED && surprises.length === 0) return
  throw new Error(`seed ${seed}: ${state} ${failure?.words}; ${surprises.slice(0, 3).join('; ')}`)
}

function linesOf(random: () => number): string {
  const lines: string[] = []
  for (let bytes = 0; bytes < partitions * partitionBytes; ) {
    const line = `${lines.length}`.padEnd(20 + Math.floor(random() * 80), '.')
    lines.push(line)
    bytes += line.length + 1
  }
  return `${lines.join('\n')}\n`
}

interface Reading {
  life: Life | undefined
  counts: Reclaims
  how: Reclaim
  /** The machine goes behind so many bytes. */
  endsAt: number
}

/** The source comes little by little; everything else as it is. */
function inChunks(base: Objects, bucket: string, begin: (range: ByteRange) => Reading): Objects {
  const read = async (ref: ObjectRef, options: ReadOptions = {}): Promise<Readable> => {
    if (ref.bucket !== bucket || options.range === undefined) return base.read(ref, options)
    const reading = begin(options.range)
    // Iterated, it comes at once; as a stream it would take turns of the event loop.
    const content = await Array.fromAsync((await base.read(ref, options)) as AsyncIterable<Buffer>)
    return chunks(Buffer.concat(content), reading) as unknown as Readable
  }
  return { ...base, read }
}

async function* chunks(content: Buffer, { life, counts, how, endsAt }: Reading): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += chunkBytes) {
    const chunk = content.subarray(at, at + chunkBytes)
    if (life) counts.bytesRead += chunk.length
    const goes = at <= endsAt && endsAt < at + chunkBytes
    if (goes) counts.reclaimed += 1
    if (goes && how === 'with notice') life?.leave?.ask('notice')
    if (goes && how === 'without') {
      life?.die('reclaimed')
      await never()
    }
    yield chunk
  }
}

/** Of all bytes of the sources, those that were read again; the look behind each partition's end included. */
export function repeatedShare({ bytesRead, sourceBytes }: Reclaims): number {
  return (bytesRead - sourceBytes) / sourceBytes
}

export async function manyReclaims(runs: number, how: Reclaim): Promise<Reclaims> {
  const total: Reclaims = { sourceBytes: 0, bytesRead: 0, attempts: 0, reclaimed: 0 }
  for (let seed = 1; seed <= runs; seed++) {
    const one = await reclaims(seed, how)
    for (const name of ['sourceBytes', 'bytesRead', 'attempts', 'reclaimed'] as const)
      total[name] += one[name]
  }
  return total
}

export async function reclaimsTable(runs: number): Promise<string> {
  const rows = [
    '| reclaimed | attempts | of them reclaimed | MB of the sources | MB read | read more than once |',
    '|---|---|---|---|---|---|',
  ]
  for (const how of ['nobody', 'with notice', 'without'] as const) {
    const total = await manyReclaims(runs, how)
    const { attempts, reclaimed, sourceBytes, bytesRead } = total
    const share = `${reclaimed} (${((100 * reclaimed) / attempts).toFixed(1)} %)`
    const megabytes = [sourceBytes, bytesRead].map(bytes => (bytes / 1e6).toFixed(1))
    const repeated = `${(100 * repeatedShare(total)).toFixed(2)} %`
    rows.push(`| ${[how, attempts, share, ...megabytes, repeated].join(' | ')} |`)
  }
  return rows.join('\n')
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { runs: { type: 'string', default: '1000' } } })
  process.stdout.write(`${await reclaimsTable(Number(values.runs))}\n`)
}
