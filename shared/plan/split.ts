/** What becomes of an object that can only be read from its start: laid down in pieces first, then cut. Pure. */
import { type AssignmentPage, type RunDocument, stageBase } from '../documents.ts'
import { cutsOf } from '../plan.ts'
import type { Pieces } from '../records.ts'
import { plannedTask } from '../stages.ts'
import { Stage } from '../vocabulary.ts'
import { heldToNodes } from './nodes.ts'
import { isRefusal, type Refusal } from './refusal.ts'

/** Large enough for few requests; two of them are in the splitter's memory. */
const pieceBytesMax = 32 * 1024 ** 2

/** Is the run to begin with the split stage? */
export function splitsFirst({ layout, pieces }: RunDocument): boolean {
  return layout.space === 'pieces' && pieces === undefined
}

/** A piece is no larger than a partition: who reads one record of it fetches little that is not its own. */
export function pieceBytesOf({ partitionBytes }: RunDocument): number {
  return partitionBytes > 0 ? Math.min(partitionBytes, pieceBytesMax) : pieceBytesMax
}

/** The one task of the split stage. */
export function splitRound(document: RunDocument): AssignmentPage {
  return {
    round: 1,
    page: 0,
    stage: Stage.split,
    assignments: [plannedTask(document, stageBase.split)],
  }
}

/** The run as the work stage sees it: its partitions tile the decompressed bytes behind the header. */
export function planPieces(document: RunDocument, split: Pieces, bucket: string): RunDocument | Refusal {
  const dataEnd = split.bytes
  const dataStart = Math.min(document.layout.skipBytes, dataEnd)
  const cuts = cutsOf(dataEnd - dataStart, document.partitionBytes || undefined)
  if (isRefusal(cuts)) return cuts
  return heldToNodes({ ...document, dataStart, dataEnd, ...cuts, pieces: { ...split, bucket } })
}
