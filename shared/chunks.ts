/** The arrays of a round: which partitions go to Batch together. Pure. */
import type { Assignment, AssignmentPage, RunDocument } from './documents.ts'
import type { JobSettings } from './pipeline/job.ts'
import { childrenPerArrayMax, type Lane, partitionsPerPage, type RoundChunk } from './records.ts'

const pagesPerChunk = childrenPerArrayMax / partitionsPerPage

/** Every array of a round, in order. */
export function chunksOf({
  partitions,
  chunks,
}: {
  partitions: number
  chunks?: readonly RoundChunk[]
}): readonly RoundChunk[] {
  return chunks ?? sizesOf(partitions).map(size => ({ partitions: size }))
}

/** Of the first round of a run's work; absent: as arithmetic has them. */
export function firstChunks({
  partitions,
  pipeline: { job },
}: Pick<RunDocument, 'partitions' | 'pipeline'>): RoundChunk[] | undefined {
  return job.nodes === undefined ? undefined : Array.from({ length: partitions }, () => ({ partitions: 1 }))
}

/** Where pages and partitions of a chunk are: its first page's number, and how many pages it has. */
export function pagesOfChunk(chunk: number, { partitions }: RoundChunk): { first: number; count: number } {
  return { first: chunk * pagesPerChunk, count: Math.ceil(partitions / partitionsPerPage) }
}

export interface PlannedRound {
  pages: AssignmentPage[]
  /** Absent where arithmetic says as much. */
  chunks?: RoundChunk[]
}

/**
 * Partitions of one lane go together; within it they keep their order. Where one is to be worked after the other, all
 * are in the order of the source; where each is a multi-node job, each goes by itself.
 */
export function plannedRound(
  round: number,
  assignments: readonly Assignment[],
  { sequential = false, nodes }: Partial<Pick<JobSettings, 'sequential' | 'nodes'>> = {},
): PlannedRound {
  const lanes = sequential ? neighboursAlike(assignments) : alike(assignments)
  const childrenMax = nodes === undefined ? childrenPerArrayMax : 1
  const chunked = lanes.flatMap(lane => inChunks(lane, childrenMax))
  const pages = chunked.flatMap((chunk, number) => inPages(round, number * pagesPerChunk, chunk))
  const plain = lanes.length <= 1 && assignments[0]?.lane === undefined && nodes === undefined
  if (plain) return { pages }
  return { pages, chunks: chunked.map(chunk => ({ partitions: chunk.length, ...laneOf(chunk) })) }
}

const laneName = ({ lane }: Assignment): string => JSON.stringify(lane ?? {})

function alike(assignments: readonly Assignment[]): Assignment[][] {
  return [...Map.groupBy(assignments, laneName).values()]
}

function neighboursAlike(assignments: readonly Assignment[]): Assignment[][] {
  const lanes: Assignment[][] = []
  for (const assignment of assignments.toSorted((a, b) => a.start - b.start)) {
    const [last] = lanes.at(-1) ?? []
    if (last !== undefined && laneName(last) === laneName(assignment)) lanes.at(-1)?.push(assignment)
    else lanes.push([assignment])
  }
  return lanes
}

function inChunks(assignments: readonly Assignment[], childrenMax: number): (readonly Assignment[])[] {
  return sizesOf(assignments.length, childrenMax).map((size, chunk) => {
    const first = chunk * childrenMax
    return assignments.slice(first, first + size)
  })
}

function laneOf([first]: readonly Assignment[]): { lane?: Lane } {
  return first?.lane === undefined ? {} : { lane: first.lane }
}

function inPages(round: number, firstPage: number, chunk: readonly Assignment[]): AssignmentPage[] {
  return Array.from({ length: Math.ceil(chunk.length / partitionsPerPage) }, (_, at) => ({
    round,
    page: firstPage + at,
    assignments: chunk.slice(at * partitionsPerPage, (at + 1) * partitionsPerPage),
  }))
}

function sizesOf(partitions: number, childrenMax = childrenPerArrayMax): number[] {
  const count = Math.ceil(partitions / childrenMax)
  return Array.from({ length: count }, (_, chunk) => Math.min(childrenMax, partitions - chunk * childrenMax))
}
