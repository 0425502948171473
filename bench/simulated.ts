/** An object of any size of which only what is asked for is there: bytes that repeat, and a last part. */
import { Readable } from 'node:stream'
import { createMemoryObjects } from '../shared/memory/objects.ts'
import type { ByteRange, Objects } from '../shared/ports.ts'

export interface Simulated {
  bytes: number
  /** The object is this, over and over, */
  unit: Buffer
  /** but ends in that. */
  last?: Buffer
}

export interface SimulatedObjects {
  objects: Objects
  /** Of the object, so far. */
  bytesRead(): number
}

/** Whatever is asked for in `bucket` is the object; other buckets are in memory. */
export function simulatedObjects(bucket: string, simulated: Simulated): SimulatedObjects {
  const memory = createMemoryObjects()
  let bytesRead = 0
  const objects: Objects = {
    ...memory,
    head: async ref =>
      ref.bucket === bucket ? { bytes: simulated.bytes, etag, metadata: {} } : memory.head(ref),
    read: async (ref, options = {}) => {
      if (ref.bucket !== bucket) return memory.read(ref, options)
      const content = contentOf(simulated, options.range ?? { start: 0, end: simulated.bytes })
      bytesRead += content.length
      return Readable.from([content])
    },
  }
  return { objects, bytesRead: () => bytesRead }
}

export const etag = 'simulated'
/** More of it at once is no plan. */
const readBytesMax = 64 * 1024 ** 2

function contentOf({ bytes, unit, last = Buffer.alloc(0) }: Simulated, { start, end }: ByteRange): Buffer {
  const behind = Math.min(end, bytes)
  if (behind - start > readBytesMax) throw new RangeError(`${behind - start} bytes are asked for at once`)
  const content = Buffer.alloc(behind - start)
  const lastAt = bytes - last.length
  for (let at = start; at < Math.min(behind, lastAt); ) {
    const from = at % unit.length
    at += unit.copy(content, at - start, from, from + Math.min(behind, lastAt) - at)
  }
  if (behind > lastAt) last.copy(content, Math.max(0, lastAt - start), Math.max(0, start - lastAt))
  return content
}
