/** A person asks for another try of a run that ended: only what has not SUCCEEDED is worked again. */
import { plannedRound } from '../../shared/chunks.ts'
import { type Assignment, type RunDocument, stageBase } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import { can } from '../../shared/lifecycle.ts'
import { PartitionPlan } from '../../shared/partition-plan.ts'
import { type Lane, type RoundRecord, type RunRecord, runIndexes } from '../../shared/records.ts'
import { plannedTask, stageOf, taskCount } from '../../shared/stages.ts'
import { PartitionState, Stage } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { runDocument } from './documents.ts'
import { assignmentsOf, partitionsOf, plannedOf } from './gather.ts'
import { begunResplits, freezeResplits, resplitsOf } from './resplits.ts'
import { loadRound, loadRun, moveRun, openRound, publishRoundDue } from './rounds.ts'

type Needs = World<'objects' | 'records' | 'publish'>

/**
 * @param lane what the pipeline, as it is frozen in the run, does not give them
 * @returns the run, waiting for its new round. Errors: NOT_FOUND, NOT_ALLOWED with the reason.
 */
export async function retryRun(world: Needs, runId: string, lane: Lane = {}): Promise<RunRecord> {
  const run = await loadRun(world, runId)
  if (!run)
    throw new MillraceError('NOT_FOUND', `No run ${runId}`, { remedy: 'List them with `millrace runs`.' })
  const allowed = can.retry(run.state)
  if (allowed !== true) throw new MillraceError('NOT_ALLOWED', allowed)
  const round = run.round + 1
  const now = world.clock.now()
  const { assignments, grown } = await outstanding(world, run)
  const { job } = (await runDocument(world, run)).pipeline
  const { pages, chunks } = plannedRound(round, inLane(assignments, lane), job)
  const opened = await openRound(world, runId, pages, round, now, stageOf(run), chunks)
  const begun = { stage: stageOf(opened), ...grown, ...(await nextStage(world, run, opened)) }
  const set = { round, forgivenRound: run.round, ...begun, ...openAgain(run) }
  const moved = await moveRun(world, run, 'retried', set)
  if (!moved)
    throw new MillraceError('NOT_ALLOWED', 'Somebody else has just moved the run; look at it again.')
  await publishRoundDue(world, moved)
  return moved
}

/** A settle that died had opened the next stage with this round: how many tasks that has. */
async function nextStage(
  world: World<'objects'>,
  run: RunRecord,
  opened: RoundRecord,
): Promise<Partial<Pick<RunRecord, 'partitions' | 'merges'>>> {
  const stage = stageOf(opened)
  if (stage === stageOf(run)) return {}
  if (stage === Stage.merge) return { merges: opened.partitions }
  return { partitions: (await runDocument(world, { ...run, stage })).partitions }
}

interface Outstanding {
  assignments: Assignment[]
  grown: Partial<Pick<RunRecord, 'partitions' | 'resplits'>>
}

async function outstanding(world: World<'objects' | 'records'>, before: RunRecord): Promise<Outstanding> {
  const stage = stageOf(before)
  const document = await runDocument(world, before)
  const { plan, grown } = await planAnew(world, before, document)
  const run = { ...before, ...grown }
  const done = new Set(
    (await partitionsOf(world, run, stage))
      .filter(({ state }) => state === PartitionState.SUCCEEDED)
      .map(({ partition }) => partition),
  )
  const record = await loadRound(world, run.runId, run.round)
  const last = record ? await assignmentsOf(world, record) : new Map<number, Assignment>()
  const tell = (task: number): Assignment => {
    if (stage !== Stage.work) return afresh(last.get(task)) ?? plannedTask(document, task)
    return { ...(afresh(last.get(task)) ?? plan.first(task)), end: plan.planned(task).end }
  }
  const tasks = Array.from({ length: taskCount(run, stage) }, (_, at) => stageBase[stage] + at)
  return { assignments: tasks.filter(task => !done.has(task)).map(tell), grown }
}

/** With what an interrupted settle had given away for the very round that is opened now. */
async function planAnew(
  world: World<'objects'>,
  run: RunRecord,
  document: RunDocument,
): Promise<{ plan: PartitionPlan } & Pick<Outstanding, 'grown'>> {
  const { runId, round, resplits = [] } = run
  await freezeResplits(world, runId, round + 1, [])
  const { begun = [] } = await begunResplits(world, runId, round + 1)
  const { planned } = await plannedOf(world, run, document)
  const plan = new PartitionPlan(document, [...(await resplitsOf(world, run)), ...begun], planned)
  const grown = { partitions: plan.count, resplits: [...resplits, round + 1] }
  return { plan, grown: begun.length > 0 ? grown : {} }
}

function inLane(assignments: Assignment[], lane: Lane): Assignment[] {
  return Object.keys(lane).length === 0 ? assignments : assignments.map(told => ({ ...told, lane }))
}

/** As before any failure: with what the pipeline asks for. */
function afresh(told: Assignment | undefined): Assignment | undefined {
  if (told === undefined) return undefined
  const { lane: _, careful: __, ...bare } = told
  return bare
}

/** Back among the open runs, where reconcile looks. */
function openAgain(run: RunRecord): Record<string, string> {
  const { open, openSk } = runIndexes(run)
  return { open: String(open), openSk: String(openSk) }
}
