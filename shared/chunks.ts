/** The arrays of a round: which partitions go to Batch together. Pure. */
import type { Assignment, AssignmentPage } from './documents.ts'
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

/** Where pages and partitions of a chunk are: its first page's number, and how many pages it has. */
export function pagesOfChunk(chunk: number, { partitions }: RoundChunk): { first: number; count: number } {
  return { first: chunk * pagesPerChunk, count: Math.ceil(partitions / partitionsPerPage) }
}

export interface PlannedRound {
  pages: AssignmentPage[]
  /** Absent where arithmetic says as much. */
  chunks?: RoundChunk[]
}

/** Partitions of one lane go together; within it they keep their order. */
export function plannedRound(round: number, assignments: readonly Assignment[]): PlannedRound {
  const lanes = [...Map.groupBy(assignments, ({ lane }) => JSON.stringify(lane ?? {})).values()]
  const chunked = lanes.flatMap(alike => inChunks(alike))
  const pages = chunked.flatMap((chunk, number) => inPages(round, number * pagesPerChunk, chunk))
  if (lanes.length <= 1 && assignments[0]?.lane === undefined) return { pages }
  return { pages, chunks: chunked.map(chunk => ({ partitions: chunk.length, ...laneOf(chunk) })) }
}

function inChunks(assignments: readonly Assignment[]): (readonly Assignment[])[] {
  return sizesOf(assignments.length).map((size, chunk) => {
    const first = chunk * childrenPerArrayMax
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

function sizesOf(partitions: number): number[] {
  const count = Math.ceil(partitions / childrenPerArrayMax)
  return Array.from({ length: count }, (_, chunk) =>
    Math.min(childrenPerArrayMax, partitions - chunk * childrenPerArrayMax),
  )
}
