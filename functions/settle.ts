/** A round ended: publish, open a round of only the failed partitions, or give up. */

import { outputKeys } from '../shared/documents.ts'
import { parseOwnEvent } from '../shared/events.ts'
import { type RoundFacts, settleRound, type Verdict } from '../shared/settlement.ts'
import { RoundState, RunState } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { eventDoor } from './doorway/doors.ts'
import { writeOnce } from './steps/documents.ts'
import { fillLosses, gatherFacts, markMiscut, pagesOf } from './steps/gather.ts'
import { announce, loadRound, loadRun, moveRun, openRound, publishRoundDue } from './steps/rounds.ts'
import { sweepOutputs } from './steps/sweep.ts'

export const handler = eventDoor('settle', settle)

export async function settle(world: World, event: unknown): Promise<void> {
  const { runId, round } = parseOwnEvent(event)
  const loaded = await loadRun(world, runId)
  const record = await loadRound(world, runId, round ?? 0)
  if (!loaded || record?.state !== RoundState.ENDED || loaded.round !== round) return
  const run = (await moveRun(world, loaded, 'submitted')) ?? loaded
  if (run.state !== RunState.RUNNING) return announce(world, run)
  if (!(await fillLosses(world, run, record))) {
    return world.log.info('a job of this round is still at work', { runId, round })
  }
  const facts = await gatherFacts(world, run)
  await carryOut(world, facts, settleRound(facts))
}

async function carryOut(world: World, facts: RoundFacts, verdict: Verdict): Promise<void> {
  if (verdict.kind === 'publish') return publish(world, facts, verdict)
  if (verdict.kind === 'again') return again(world, facts, verdict)
  const run = await moveRun(world, facts.run, 'gaveUp', { failure: verdict.failure })
  world.log.error('gave up', { runId: facts.run.runId, ...verdict.failure })
  if (run) await announce(world, run)
}

async function publish(
  world: World,
  facts: RoundFacts,
  verdict: Verdict & { kind: 'publish' },
): Promise<void> {
  const { certificate } = verdict
  const bucket = world.config.buckets.output
  const key = outputKeys.certificate(facts.document.pipeline.output.prefix, certificate.runId)
  await writeOnce(world.objects, { bucket, key }, certificate)
  await sweepOutputs(world, facts.document, certificate)
  const { recordsRead, recordsWritten, recordsRejected } = certificate
  const totals = { recordsRead, recordsWritten, recordsRejected }
  const run = await moveRun(world, facts.run, 'published', { certificate: key, totals })
  world.log.info('published', { runId: certificate.runId, certificate: key, ...totals })
  if (run) await announce(world, run)
}

async function again(world: World, facts: RoundFacts, verdict: Verdict & { kind: 'again' }): Promise<void> {
  const { run } = facts
  const round = run.round + 1
  const dueAt = world.clock.now() + verdict.delayMs
  await openRound(world, run.runId, pagesOf(round, verdict.assignments), round, dueAt)
  await markMiscut(world, run, verdict.miscut)
  const moved = await moveRun(world, run, 'waited', { round })
  world.log.info('another round', { runId: run.runId, round, partitions: verdict.assignments.length, dueAt })
  if (moved) await publishRoundDue(world, moved, dueAt)
}
