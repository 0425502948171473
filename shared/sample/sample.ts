/** A sample file without a pipeline: which format it is in, how it is written, what its columns hold. Pure. */
import { toUtf8 } from '../encoding.ts'
import { encodingOf } from '../plan/encoding-sniff.ts'
import { isRefusal, type Refusal } from '../plan/refusal.ts'
import type { TextHead } from '../plan/text.ts'
import { csvSample } from './csv.ts'
import type { Sample } from './findings.ts'
import { jsonSample } from './json.ts'
import { presetOf } from './log.ts'

/** Errors: none; what cannot be told is a Refusal. */
export function textSample(head: TextHead): Sample | Refusal {
  const sniffed = encodingOf(head)
  if (isRefusal(sniffed)) return sniffed
  const { encoding, markBytes } = sniffed
  const text = { bytes: toUtf8(head.bytes.subarray(markBytes), encoding), whole: head.whole }
  const sample = jsonSample(text) ?? presetOf(text) ?? csvSample(text)
  if (isRefusal(sample)) return sample
  const isKnown = encoding === 'utf-8' || markBytes > 0
  return isKnown ? sample : { ...sample, source: { ...sample.source, encoding } }
}
