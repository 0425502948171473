/** The records that a run rejected: all of them, one by one, or the first for a person to look at. */
import { runDocument } from '../functions/steps/documents.ts'
import { plannedOf } from '../functions/steps/gather.ts'
import { resplitsOf } from '../functions/steps/resplits.ts'
import { type RejectedRecord, stateKeys } from '../shared/documents.ts'
import { isError } from '../shared/errors.ts'
import { PartitionPlan } from '../shared/partition-plan.ts'
import type { PartitionRecord, RunRecord } from '../shared/records.ts'
import { newline } from '../shared/scanned-line.ts'
import type { World } from '../shared/world.ts'
import { ObjectLines } from './reject-lines.ts'

const rejectsShownMax = 5
/** Looked into for them: a run that failed may have as many documents as partitions. */
const documentsReadMax = 20
const rawShownMax = 120

type Reads = Pick<World, 'objects' | 'config'>

export interface ShownReject extends RejectedRecord {
  /** From 1, of the object, where all that stands before it was read. */
  objectLine?: number
}

/** At most a few. Errors: those of reading. */
export async function firstRejects(
  world: Reads,
  run: RunRecord,
  partitions: readonly PartitionRecord[],
): Promise<ShownReject[]> {
  const found: ShownReject[] = []
  for await (const reject of shownRejects(world, run, partitions, documentsReadMax)) {
    found.push(reject)
    if (found.length === rejectsShownMax) break
  }
  return found
}

/** One by one, of at most so many documents. Errors: those of reading. */
export async function* shownRejects(
  world: Reads,
  run: RunRecord,
  partitions: readonly PartitionRecord[],
  documentsMax = Number.POSITIVE_INFINITY,
): AsyncGenerator<ShownReject> {
  const keys = rejectKeys(partitions).slice(0, documentsMax)
  if (keys.length === 0) return
  const lines = await linesOf(world, run, partitions)
  for (const key of keys) {
    for await (const reject of rejectsIn(world, key)) {
      const objectLine = lines.lineOf(reject)
      yield { ...reject, ...(objectLine === undefined ? {} : { objectLine }) }
    }
  }
}

async function linesOf(
  world: Reads,
  run: RunRecord,
  partitions: readonly PartitionRecord[],
): Promise<ObjectLines> {
  const document = await runDocument(world, run)
  const { planned } = await plannedOf(world, run, document)
  const plan = new PartitionPlan(document, await resplitsOf(world, run), planned)
  return new ObjectLines(document, plan, partitions)
}

/** Of what each partition reported, or of each attempt that ended for its rejects. */
export function rejectKeys(partitions: readonly PartitionRecord[]): string[] {
  return partitions.flatMap(({ runId, partition, report, failures = [] }) => {
    if (report) return report.rejectsKey ? [report.rejectsKey] : []
    return failures
      .filter(({ code }) => code === 'BAD_INPUT')
      .map(({ fence }) => stateKeys.rejects(runId, partition, fence))
  })
}

/** None where an attempt has kept none. Errors: those of reading. */
export async function* rejectsIn({ objects, config }: Reads, key: string): AsyncGenerator<RejectedRecord> {
  try {
    const stream = await objects.read({ bucket: config.buckets.state, key })
    for await (const line of linesIn(stream)) yield JSON.parse(line.toString('utf8')) as RejectedRecord
  } catch (error) {
    if (!isError(error, 'OBJECT_MISSING')) throw error
  }
}

/** At newlines alone: readline would also cut at U+2028, which stands in JSON as it is. */
async function* linesIn(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  for await (const chunk of stream) {
    let from = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      yield Buffer.concat([...held, chunk.subarray(from, end)])
      held = []
      from = end + 1
    }
    held.push(chunk.subarray(from))
  }
}

/** One line for each, behind an empty one; '' where there are none. */
export function rejectsText(rejects: readonly ShownReject[], count: number): string {
  if (rejects.length === 0) return ''
  const title = count > rejects.length ? `\nthe first of ${count} rejected records` : '\nrejected records'
  return `${title}\n${rejects.map(rejectText).join('\n')}\n`
}

/** Its place and what is wrong with it on one line, the record's beginning on the next. */
export function rejectText(reject: ShownReject): string {
  const column = reject.column === undefined ? '' : `${reject.column}: `
  return `${placeText(reject)}: ${column}${reject.reason}\n  ${rawText(reject.raw)}`
}

export function placeText({ key, objectLine: line, byteOffset, within }: ShownReject): string {
  const inBlock = within === undefined ? '' : `byte ${within} of the block at `
  return `${key}${line === undefined ? '' : `, line ${line}`}, ${inBlock}byte ${byteOffset}`
}

/** On one line, and with nothing in it that a terminal would act on. */
function rawText(raw: string): string {
  const shown = raw.length > rawShownMax ? `${raw.slice(0, rawShownMax)}…` : raw
  return JSON.stringify(shown)
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replaceAll(/[\x7f-\x9f]/g, '�')
}
