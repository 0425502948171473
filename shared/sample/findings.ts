/** What is found of a sample file. Pure. */
import type { Pipeline } from '../pipeline.ts'
import type { TextHead } from '../plan/text.ts'

/** What a pipeline would say of it: the settings of `source` but for prefix and columns. */
export interface Sample {
  source: { format: Pipeline['source']['format'] } & Record<string, unknown>
  /** By name, what the records hold that were looked at; `undefined` where there is nothing. */
  values: Map<string, (string | undefined)[]>
  /** Are they JSON, or text? Columns of other formats need no types. */
  kind: 'json' | 'text' | 'none'
  records: number
  /** What a person should look at. */
  notes: string[]
}

/** Whole lines of a head, without the blank ones. */
export function linesOf({ bytes, whole }: TextHead): string[] {
  const lines = bytes.toString().split('\n')
  return (whole ? lines : lines.slice(0, -1)).filter(line => line.trim() !== '')
}
