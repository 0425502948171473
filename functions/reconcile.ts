/** Every 5 minutes: find what was lost or stuck, and open its next door. */

import { chunksOf } from '../shared/chunks.ts'
import { epochMs } from '../shared/clock.ts'
import { terminalJob } from '../shared/events.ts'
import { supersededReason } from '../shared/failure.ts'
import { isOpen } from '../shared/lifecycle.ts'
import {
  closingRunsPk,
  fromItem,
  openRunsPk,
  type RoundRecord,
  type RunRecord,
  recordKeys,
} from '../shared/records.ts'
import { EventType, JobStatus, RoundState } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { eventDoor } from './doorway/doors.ts'
import { batch, dynamodb, eventBridge, s3 } from './doorway/reach.ts'
import { checkExpectations } from './steps/expectations.ts'
import { type Gauges, gaugeJobs, gaugeRun, measureGauges, noGauges } from './steps/gauges.ts'
import { reviveGroups } from './steps/groups.ts'
import { describedJobs, endJobs } from './steps/jobs.ts'
import { announce, closeRound, endChunk, loadRound, publishRoundDue } from './steps/rounds.ts'
import { endStopped } from './steps/stop.ts'
import { watchJobs } from './steps/stragglers.ts'

type Needs = World<'objects' | 'records' | 'jobs' | 'publish'>

/** Younger than this, an event is under way rather than lost. */
export const reconcileGraceMs = 60 * 1000
/**
 * A job that DescribeJobs does not show is either too new or long gone: new ones lag by seconds or minutes, ended
 * ones stay for about a day at least. In between, half a day.
 */
export const jobsForgottenAfterMs = 12 * 60 * 60 * 1000
/** Slack may be down or its channel wrong for a while; beyond this, trying every 5 minutes helps nobody. */
export const tellWithinMs = 7 * 24 * 60 * 60 * 1000
const pagesMax = 100

export const handler = eventDoor('reconcile', reconcile, {
  objects: s3,
  records: dynamodb,
  jobs: batch,
  bus: eventBridge,
})

export async function reconcile(world: Needs): Promise<void> {
  await reviveGroups(world, reconcileGraceMs)
  await checkExpectations(world, reconcileGraceMs)
  const gauges = noGauges()
  await eachRun(world, openRunsPk, (_, run) => nudge(world, run, gauges))
  await eachRun(world, closingRunsPk, lookAgain)
  measureGauges(world, gauges)
}

type Look = (world: Needs, run: RunRecord) => Promise<void>

async function eachRun(world: Needs, pk: string, look: Look): Promise<void> {
  let after: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const query = { index: 'open' as const, pk, limit: 100, ...(after === undefined ? {} : { after }) }
    const { items, next } = await world.records.query(query)
    for (const item of items) await lookSafely(world, fromItem<RunRecord>(item), look)
    if (next === undefined) return
    after = next
  }
  world.log.warn('more runs than one reconcile looks at; the next one starts again', { pk, pagesMax })
}

/** One stuck run must not hide the others. */
async function lookSafely(world: Needs, run: RunRecord, look: Look): Promise<void> {
  try {
    await look(world, run)
  } catch (error) {
    world.log.error('cannot reconcile this run now', { runId: run.runId, error })
  }
}

async function nudge(world: Needs, run: RunRecord, gauges: Gauges): Promise<void> {
  gaugeRun(gauges, run, world.clock.now())
  const quietMs = world.clock.now() - epochMs(run.updatedAt)
  if (quietMs < reconcileGraceMs) return
  if (!isOpen(run.state)) return quietMs < tellWithinMs ? announce(world, run) : forget(world, run)
  const record = await loadRound(world, run.runId, run.round)
  if (!record) return world.log.error('an open run without its round', { runId: run.runId, round: run.round })
  if (record.state === RoundState.RUNNING) await lookAtJobs(world, run, record, gauges)
  if (record.state === RoundState.ENDED) {
    const { runId, pipeline, round } = run
    return world.bus.publish({ type: EventType.roundEnded, detail: { runId, pipeline, round } })
  }
  if (run.stopping) return endStopped(world, run)
  if (record.dueAt + reconcileGraceMs < world.clock.now()) await publishRoundDue(world, run)
}

/** Batch may be slow to show a job; once none is alive, the run leaves for good. */
async function lookAgain(world: Needs, run: RunRecord): Promise<void> {
  if (world.clock.now() - epochMs(run.updatedAt) < reconcileGraceMs) return
  const record = await loadRound(world, run.runId, run.round)
  if (record && (await endJobs(world, run, record, supersededReason)) > 0) return
  const change = { remove: ['open', 'openSk'] }
  await world.records.update(recordKeys.run(run.runId), change, stillSo(run))
}

const stillSo = ({ state, round }: RunRecord) => [{ state: { is: state }, round: { is: round } }]

async function forget(world: Needs, run: RunRecord): Promise<void> {
  world.log.error('nobody could be told of this run; it is no longer tried', {
    runId: run.runId,
    state: run.state,
  })
  const change = { set: { open: closingRunsPk } }
  await world.records.update(recordKeys.run(run.runId), change, stillSo(run))
}

/** Jobs that Batch says are terminal, or has forgotten, have ended: settle finds out how. */
async function lookAtJobs(world: Needs, run: RunRecord, record: RoundRecord, gauges: Gauges): Promise<void> {
  const waiting = [...chunksOf(record).keys()].filter(chunk => record[`end${chunk}`] === undefined)
  if (waiting.length === 0) return closeRound(world, run.pipeline, record)
  // A submit that died with its jobs recorded may be taken over long after.
  const since = record.submittedAt ?? record.claimedAt ?? 0
  const gone = world.clock.now() - since >= jobsForgottenAfterMs
  const ids = waiting.flatMap(chunk => record[`job${chunk}`] ?? [])
  const jobs = await describedJobs(world, ids)
  for (const chunk of waiting) {
    const status = jobs.get(record[`job${chunk}`] ?? '')?.status ?? (gone ? JobStatus.FAILED : undefined)
    if (status === undefined || !terminalJob(status)) continue
    await endChunk(world, run.pipeline, { runId: run.runId, round: run.round, chunk }, status)
  }
  gaugeJobs(world, gauges, run, [...jobs.values()])
  const alive = [...jobs.values()].filter(({ status }) => !terminalJob(status))
  await watchJobs(world, run, record, alive)
}
