/** X-Ray's header: which trace the work at hand is part of. Pure. */

export interface TraceContext {
  /** Of the whole trace: `1-<8 hex>-<24 hex>`. */
  root: string
  /** Id of the segment that this is part of: 16 hex. */
  parent: string
  /** False: X-Ray wants nothing of it. */
  sampled: boolean
}

/** Of `Root=...;Parent=...;Sampled=1`, in any order and with anything beside. Nothing where it names no trace. */
export function traceContext(header: string | undefined): TraceContext | undefined {
  const fields = new Map(header?.split(';').map(field => field.split('=', 2) as [string, string]))
  const [root, parent] = [fields.get('Root'), fields.get('Parent')]
  if (!root || !parent) return undefined
  return { root, parent, sampled: fields.get('Sampled') === '1' }
}

/** As whoever opens the next door is to get it. */
export function traceHeader({ root, parent, sampled }: TraceContext): string {
  return `Root=${root};Parent=${parent};Sampled=${sampled ? 1 : 0}`
}
