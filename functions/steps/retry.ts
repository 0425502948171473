/** A person asks for another try of a run that ended: only what has not SUCCEEDED is worked again. */
import type { Assignment, RunDocument } from '../../shared/documents.ts'
import { stateKeys } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import { can } from '../../shared/lifecycle.ts'
import { cut } from '../../shared/plan.ts'
import { type RunRecord, runIndexes } from '../../shared/records.ts'
import { PartitionState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { readDocument } from './documents.ts'
import { assignmentsOf, pagesOf, partitionsOf } from './gather.ts'
import { loadRound, loadRun, moveRun, openRound, publishRoundDue } from './rounds.ts'

/** @returns the run, waiting for its new round. Errors: NOT_FOUND, NOT_ALLOWED with the reason. */
export async function retryRun(world: World, runId: string): Promise<RunRecord> {
  const run = await loadRun(world, runId)
  if (!run)
    throw new MillraceError('NOT_FOUND', `No run ${runId}`, { remedy: 'List them with `millrace runs`.' })
  const allowed = can.retry(run.state)
  if (allowed !== true) throw new MillraceError('NOT_ALLOWED', allowed)
  const round = run.round + 1
  const now = world.clock.now()
  await openRound(world, runId, pagesOf(round, await outstanding(world, run)), round, now)
  const moved = await moveRun(world, run, 'retried', { round, forgivenRound: run.round, ...openAgain(run) })
  if (!moved)
    throw new MillraceError('NOT_ALLOWED', 'Somebody else has just moved the run; look at it again.')
  await publishRoundDue(world, moved, now)
  return moved
}

async function outstanding(world: World, run: RunRecord): Promise<Assignment[]> {
  const ref = { bucket: world.config.buckets.state, key: stateKeys.run(run.runId) }
  const document = await readDocument<RunDocument>(world.objects, ref)
  const done = new Set(
    (await partitionsOf(world, run))
      .filter(({ state }) => state === PartitionState.SUCCEEDED)
      .map(({ partition }) => partition),
  )
  const record = await loadRound(world, run.runId, run.round)
  const last = await assignmentsOf(world, run.runId, run.round, record?.partitions ?? 0)
  return Array.from({ length: document.partitions }, (_, partition) => partition)
    .filter(partition => !done.has(partition))
    .map(partition => last.get(partition) ?? cut(document, partition))
}

/** Back among the open runs, where reconcile looks. */
function openAgain(run: RunRecord): Record<string, string> {
  const { open, openSk } = runIndexes(run)
  return { open: String(open), openSk: String(openSk) }
}
