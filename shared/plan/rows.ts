/** What the head of a text object says of its rows beside their columns. Pure. */
import { refuseTakenNames } from '../added-columns.ts'
import { toUtf8 } from '../encoding.ts'
import type { Layout, LinePreset } from '../layout.ts'
import { besideFault, logFieldsRemedy } from '../lines/beside.ts'
import type { Pipeline } from '../pipeline.ts'
import { newline } from '../scanned-line.ts'
import type { Refusal } from './refusal.ts'
import type { TextHead, TextPlan } from './text.ts'

/** Errors: none; what cannot be taken is a Refusal. */
export function planRows(
  source: Pipeline['source'],
  { columns, layout }: TextPlan,
  head: TextHead,
): Pick<Layout, 'skipLines'> | Refusal {
  const taken = refuseTakenNames(source, columns, layout.fields)
  if (taken) return taken
  if (source.format === 'lines' && source.preset !== undefined) {
    const refused = refuseOtherLog(source.preset, toUtf8(head.bytes, layout.encoding).toString())
    if (refused) return refused
  }
  const skipped = toUtf8(head.bytes.subarray(0, layout.skipBytes), layout.encoding)
  const skipLines = skipped.reduce((count, byte) => count + (byte === newline ? 1 : 0), 0)
  return skipLines === 0 ? {} : { skipLines }
}

/** A log that names its fields must name those that are known, in their order. */
function refuseOtherLog(preset: LinePreset, head: string): Refusal | undefined {
  const lines = head.split(/\r?\n/, linesLookedAtMax)
  const faults = lines.map(line => besideFault(line.replace(/^\ufeff/, ''), preset))
  const at = faults.findIndex(fault => fault !== undefined)
  if (at === -1) return undefined
  return { code: 'LOG_FIELDS_DIFFER', words: `line ${at + 1} ${faults[at]}`, remedy: logFieldsRemedy(preset) }
}
/** Where a log names its fields, it does so at its start. */
const linesLookedAtMax = 10
