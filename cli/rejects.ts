/** The first records that a run rejected, for a person to look at. */
import { StringDecoder } from 'node:string_decoder'
import { runDocument } from '../functions/steps/documents.ts'
import { plannedOf } from '../functions/steps/gather.ts'
import { type Assignment, type RejectedRecord, type RunDocument, stateKeys } from '../shared/documents.ts'
import { isError } from '../shared/errors.ts'
import type { ObjectRef } from '../shared/ports.ts'
import type { PartitionRecord, RunRecord } from '../shared/records.ts'
import type { World } from '../shared/world.ts'

const rejectsShownMax = 5
/** Looked into for them: a run that failed may have as many documents as partitions. */
const documentsReadMax = 20
const rawShownMax = 120

export interface ShownReject extends RejectedRecord {
  /** From 1, of the object, where all that stands before it was read. */
  objectLine?: number
}

/** At most a few. Errors: those of reading. */
export async function firstRejects(
  world: Pick<World, 'objects' | 'config'>,
  run: RunRecord,
  partitions: readonly PartitionRecord[],
): Promise<ShownReject[]> {
  const keys = partitions.flatMap(rejectKeys).slice(0, documentsReadMax)
  if (keys.length === 0) return []
  const document = await runDocument(world, run)
  const { planned } = await plannedOf(world, run, document)
  const found: ShownReject[] = []
  for (const key of keys) {
    if (found.length >= rejectsShownMax) break
    const rejects = await readFirst(world, { bucket: world.config.buckets.state, key })
    found.push(
      ...rejects.map(reject => ({ ...reject, ...objectLine(document, partitions, reject, planned) })),
    )
  }
  return found.slice(0, rejectsShownMax)
}

/** Of its report, or of each attempt that ended for them. */
function rejectKeys({ runId, partition, report, failures = [] }: PartitionRecord): string[] {
  if (report) return report.rejectsKey ? [report.rejectsKey] : []
  return failures
    .filter(({ code }) => code === 'BAD_INPUT')
    .map(({ fence }) => stateKeys.rejects(runId, partition, fence))
}

/** None where an attempt has kept none. */
async function readFirst({ objects }: Pick<World, 'objects'>, ref: ObjectRef): Promise<RejectedRecord[]> {
  try {
    const lines: string[] = []
    const decoder = new StringDecoder('utf8')
    let rest = ''
    for await (const chunk of await objects.read(ref)) {
      const parts = (rest + decoder.write(chunk)).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts)
      if (lines.length >= rejectsShownMax) break
    }
    return lines.slice(0, rejectsShownMax).map(line => JSON.parse(line) as RejectedRecord)
  } catch (error) {
    if (isError(error, 'OBJECT_MISSING')) return []
    throw error
  }
}

function objectLine(
  { layout }: RunDocument,
  partitions: readonly PartitionRecord[],
  { partition, line }: RejectedRecord,
  planned: ReadonlyMap<number, Assignment> | undefined,
): Pick<ShownReject, 'objectLine'> {
  if (line === undefined) return {}
  const first = planned ? firstOfObject(planned, partition) : 0
  const before = partitions
    .filter(one => one.partition >= first && one.partition < partition)
    .map(({ report }) => report?.lines)
  if (before.length < partition - first || before.includes(undefined)) return {}
  const lines = before.reduce<number>((sum, count) => sum + (count ?? 0), 0)
  // Of many objects, the worker has counted what stands before the first record.
  return { objectLine: (planned ? 0 : (layout.skipLines ?? 0)) + lines + line }
}

/** Partitions of one object of a list follow one another. */
function firstOfObject(planned: ReadonlyMap<number, Assignment>, partition: number): number {
  const objectStart = planned.get(partition)?.objectStart
  let first = partition
  while (objectStart !== undefined && (planned.get(first)?.start ?? 0) > objectStart) first--
  return first
}

/** One line for each, behind an empty one; '' where there are none. */
export function rejectsText(rejects: readonly ShownReject[], count: number): string {
  if (rejects.length === 0) return ''
  const lines = rejects.map(reject => {
    const column = reject.column === undefined ? '' : `${reject.column}: `
    return `${placeText(reject)}: ${column}${reject.reason}\n  ${rawText(reject.raw)}`
  })
  const title = count > rejects.length ? `\nthe first of ${count} rejected records` : '\nrejected records'
  return `${title}\n${lines.join('\n')}\n`
}

function placeText({ key, objectLine: line, byteOffset, within }: ShownReject): string {
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
