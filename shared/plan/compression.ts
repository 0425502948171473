/** How the bytes of an object become the bytes of its records, and so what its partitions tile. Pure. */
import type { Compression, Space } from '../layout.ts'
import type { Pipeline } from '../pipeline.ts'
import type { Look } from '../plan.ts'
import type { Refusal } from './refusal.ts'
import type { TextHead } from './text.ts'

export interface Stream {
  compression: Compression
  space: Space
  /** Decompressed. */
  head: TextHead
}

/** Errors: those of reading. */
export async function streamOf(_pipeline: Pipeline, look: Look): Promise<Stream | Refusal> {
  const whole = look.source.bytes <= look.head.length
  return { compression: 'none', space: 'bytes', head: { bytes: look.head, whole } }
}
