/** The round in which all partitions are worked for the first time. */
import { firstChunks, plannedRound } from '../../shared/chunks.ts'
import type { Assignment, AssignmentPage, RunDocument } from '../../shared/documents.ts'
import type { RoundRecord } from '../../shared/records.ts'
import { Stage } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { openRound } from './rounds.ts'

/** @param pages as arithmetic has them, 1,000 partitions each */
export async function openFirstWork(
  world: World<'objects' | 'records'>,
  document: RunDocument,
  pages: Iterable<AssignmentPage> | AsyncIterable<AssignmentPage>,
  round: number,
): Promise<RoundRecord> {
  const { runId } = document
  const now = world.clock.now()
  const chunks = firstChunks(document)
  if (chunks === undefined) return openRound(world, runId, pages, round, now)
  const all: Assignment[] = []
  for await (const { assignments } of pages) all.push(...assignments)
  const planned = plannedRound(round, all, document.pipeline.job)
  return openRound(world, runId, planned.pages, round, now, Stage.work, chunks)
}
