/** A round ended: publish, open a round of only the failed partitions, or give up. */

import { plannedRound } from '../shared/chunks.ts'
import { outputKeys, stateKeys } from '../shared/documents.ts'
import { parseOwnEvent } from '../shared/events.ts'
import { supersededReason } from '../shared/failure.ts'
import { settledMeasured } from '../shared/metrics.ts'
import { firstRound } from '../shared/plan.ts'
import type { RoundRecord, RunRecord } from '../shared/records.ts'
import { settleRound } from '../shared/settlement.ts'
import { mergeAssignment, stageOf } from '../shared/stages.ts'
import type { Json } from '../shared/table.ts'
import type { RoundFacts, Verdict } from '../shared/verdict.ts'
import { RoundState, RunState, Stage } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { eventDoor } from './doorway/doors.ts'
import { batch, dynamodb, eventBridgeAndScheduler, s3 } from './doorway/reach.ts'
import { freeze, writeOnce } from './steps/documents.ts'
import { openFirstWork } from './steps/first-round.ts'
import { gatherFacts, markMiscut } from './steps/gather.ts'
import { endJobs } from './steps/jobs.ts'
import { begunResplits, freezeResplits } from './steps/resplits.ts'
import {
  announce,
  beginPublishing,
  loadRound,
  loadRun,
  moveRun,
  openRound,
  publishRoundDueAt,
} from './steps/rounds.ts'
import { fillLosses } from './steps/silence.ts'
import { sweepLost, sweepOutputs, sweepPieces, sweepRefused } from './steps/sweep.ts'
import { inTurns } from './steps/turns.ts'

type Needs = World<'objects' | 'records' | 'jobs' | 'bus'>

export const handler = eventDoor('settle', settle, {
  objects: s3,
  records: dynamodb,
  jobs: batch,
  bus: eventBridgeAndScheduler,
})

export async function settle(world: Needs, event: unknown): Promise<void> {
  const { runId, round } = parseOwnEvent(event)
  const loaded = await loadRun(world, runId)
  const record = await loadRound(world, runId, round ?? 0)
  if (!loaded || record?.state !== RoundState.ENDED || loaded.round !== round) return
  const run = (await moveRun(world, loaded, 'submitted')) ?? loaded
  if (run.state !== RunState.RUNNING) return announce(world, run)
  if (!(await fillLosses(world, run, record))) {
    return world.log.info('a job of this round is still at work', { runId, round })
  }
  await endJobs(world, run, record, supersededReason)
  const facts = await gatherFacts(world, run)
  await carryOut(world, facts, settleRound(facts))
}

async function carryOut(world: Needs, facts: RoundFacts, verdict: Verdict): Promise<void> {
  if (verdict.kind === 'publish') return publish(world, facts, verdict)
  if (verdict.kind === 'again') return again(world, facts, verdict)
  if (verdict.kind === 'work') return openWork(world, facts, verdict)
  if (verdict.kind === 'merge') return openMerge(world, facts, verdict)
  if (verdict.kind === 'refuse') return refuse(world, facts, verdict)
  await giveUp(world, facts, verdict)
}

/** What its records name stays: a retry of the run needs it. */
async function giveUp(
  world: Needs,
  facts: RoundFacts,
  verdict: Verdict & { kind: 'giveUp' | 'cancel' },
): Promise<void> {
  const { kind, failure } = verdict
  await sweepLost(world, facts.document, [...facts.partitions, ...(facts.tasks ?? [])])
  const cancelled = kind === 'cancel'
  const happening = cancelled ? 'cancelled' : 'gaveUp'
  const run = await moveRun(world, facts.run, happening, { failure: { ...failure } })
  world.log.error(cancelled ? 'cancelled' : 'gave up', { runId: facts.run.runId, ...failure })
  if (run) await say(world, facts, verdict, run)
}

async function publish(
  world: Needs,
  facts: RoundFacts,
  verdict: Verdict & { kind: 'publish' },
): Promise<void> {
  const claimed = await beginPublishing(world, facts.run)
  if (!claimed?.publishing) return stoppedMeanwhile(world, facts, claimed)
  const { certificate } = verdict
  const bucket = world.config.buckets.output
  const key = outputKeys.certificate(facts.document.pipeline.output.prefix, certificate.runId)
  await writeOnce(world.objects, { bucket, key }, certificate)
  await sweepOutputs(world, facts.document, certificate)
  await sweepPieces(world, facts.run)
  const { recordsRead, recordsWritten, recordsRejected } = certificate
  const totals = { recordsRead, recordsWritten, recordsRejected }
  const run = await moveRun(world, facts.run, 'published', { certificate: key, totals })
  world.log.info('published', { runId: certificate.runId, certificate: key, ...totals })
  if (run) await say(world, facts, verdict, run)
}

async function stoppedMeanwhile(world: Needs, facts: RoundFacts, run: RunRecord | undefined): Promise<void> {
  if (!run?.stopping || run.state !== RunState.RUNNING || run.round !== facts.run.round) return
  const stopped = { ...facts, run }
  await carryOut(world, stopped, settleRound(stopped))
}

async function again(world: Needs, facts: RoundFacts, verdict: Verdict & { kind: 'again' }): Promise<void> {
  const { run } = facts
  const { resplits, partitions } = verdict
  const round = run.round + 1
  // Also that there are none: whoever settles this round with other facts must not give anything away.
  if (!(await freezeResplits(world, run.runId, round, resplits))) return settleBegun(world, facts)
  const dueAt = world.clock.now() + verdict.delayMs
  const { job } = facts.document.pipeline
  const { pages, chunks } = plannedRound(round, verdict.assignments, job)
  const opened = await openRound(world, run.runId, pages, round, dueAt, stageOf(run), chunks)
  await markMiscut(world, facts, verdict.miscut)
  const grown = resplits.length > 0 ? { partitions, resplits: [...(run.resplits ?? []), round] } : {}
  await goOn(world, facts, verdict, opened, grown)
}

/** Another settle of this round was quicker, and decided on other facts. */
async function settleBegun(world: Needs, facts: RoundFacts): Promise<void> {
  const { runId, round } = facts.run
  const begun = await begunResplits(world, runId, round + 1)
  if (facts.begun === undefined) await carryOut(world, facts, settleRound({ ...facts, ...begun }))
}

/** The split stage is done: cut what it laid down. */
async function openWork(world: Needs, facts: RoundFacts, verdict: Verdict & { kind: 'work' }): Promise<void> {
  const { run } = facts
  const ref = { bucket: world.config.buckets.state, key: stateKeys.splitRun(run.runId) }
  const document = await freeze(world.objects, ref, verdict.document)
  const round = run.round + 1
  const opened = await openFirstWork(world, document, firstRound(document, round), round)
  await goOn(world, facts, verdict, opened, { partitions: document.partitions })
}

async function openMerge(
  world: Needs,
  facts: RoundFacts,
  verdict: Verdict & { kind: 'merge' },
): Promise<void> {
  const { run } = facts
  const { tasks } = verdict
  const bucket = world.config.buckets.state
  await inTurns(tasks, task =>
    writeOnce(world.objects, { bucket, key: stateKeys.merge(run.runId, task.merge) }, task),
  )
  const round = run.round + 1
  const { nodes } = facts.document.pipeline.job
  const { pages, chunks } = plannedRound(
    round,
    tasks.map(({ partition }) => mergeAssignment(partition)),
    nodes === undefined ? {} : { nodes },
  )
  const opened = await openRound(world, run.runId, pages, round, world.clock.now(), Stage.merge, chunks)
  await goOn(world, facts, verdict, opened, { merges: tasks.length })
}

async function goOn(
  world: Needs,
  facts: RoundFacts,
  verdict: Verdict,
  opened: RoundRecord,
  set: Record<string, Json> = {},
): Promise<void> {
  const { run } = facts
  const { round, dueAt, partitions } = opened
  const stage = stageOf(opened)
  const moved = await moveRun(world, run, 'waited', { ...set, round, stage })
  world.log.info('another round', { runId: run.runId, round, stage, partitions, dueAt })
  if (!moved) return
  measureSettled(world, facts, verdict)
  await publishRoundDueAt(world, moved, dueAt)
}

/** Nothing of it is published, nothing of it stays. */
async function refuse(world: Needs, facts: RoundFacts, verdict: Verdict & { kind: 'refuse' }) {
  const { failure } = verdict
  await sweepRefused(world, facts.document)
  await sweepPieces(world, facts.run)
  const run = await moveRun(world, facts.run, 'refused', { failure: { ...failure } })
  world.log.error('refused', { runId: facts.run.runId, ...failure })
  if (run) await say(world, facts, verdict, run)
}

/** Only who moved the run gets here, so that each round counts once. */
async function say(world: Needs, facts: RoundFacts, verdict: Verdict, moved: RunRecord): Promise<void> {
  measureSettled(world, facts, verdict)
  await announce(world, moved)
}

function measureSettled({ measure }: Needs, facts: RoundFacts, verdict: Verdict): void {
  if (measure) for (const one of settledMeasured(facts, verdict)) measure(one)
}
