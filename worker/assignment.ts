/** What this child is to do. */
import {
  type Assignment,
  type AssignmentPage,
  placeOf,
  type RunDocument,
  stateKeys,
} from '../shared/documents.ts'
import { MillraceError } from '../shared/errors.ts'
import { splitsFirst } from '../shared/plan/split.ts'
import type { Objects } from '../shared/ports.ts'
import { childrenPerArrayMax } from '../shared/records.ts'
import { Stage } from '../shared/vocabulary.ts'
import type { Child } from './child.ts'

/** A plan page of 1,000 partitions is about 100 KB. */
const documentBytesMax = 16 * 1024 * 1024

/** Errors: OBJECT_MISSING, MALFORMED where the page has no line for this child, and those of reading. */
export async function fetchAssignment(
  objects: Objects,
  stateBucket: string,
  child: Child,
): Promise<{ run: RunDocument; assignment: Assignment; stage: Stage }> {
  const { page, offset } = placeOf(child.chunk, child.index, childrenPerArrayMax)
  const pageKey = stateKeys.assignments(child.runId, child.round, page)
  const [run, assignments] = await Promise.all([
    fetchJson<RunDocument>(objects, stateBucket, stateKeys.run(child.runId)),
    fetchJson<AssignmentPage>(objects, stateBucket, pageKey),
  ])
  const assignment = assignments.assignments[offset]
  if (assignment === undefined) {
    throw new MillraceError('MALFORMED', `${pageKey} has no assignment at ${offset} for child ${child.index}`)
  }
  const { stage = Stage.work } = assignments
  if (!splitsFirst(run) || stage === Stage.split) return { run, assignment, stage }
  const planned = await fetchJson<RunDocument>(objects, stateBucket, stateKeys.splitRun(child.runId))
  return { run: planned, assignment, stage }
}

/** Errors: OBJECT_MISSING, MALFORMED, and those of reading. */
export async function fetchJson<Shape>(objects: Objects, bucket: string, key: string): Promise<Shape> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of await objects.read({ bucket, key })) {
    parts.push(part)
    bytes += part.length
    if (bytes > documentBytesMax)
      throw new MillraceError('MALFORMED', `${key} is over ${documentBytesMax} bytes`)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as Shape
  } catch (cause) {
    throw new MillraceError('MALFORMED', `${key} is not JSON`, { cause })
  }
}
