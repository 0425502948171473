/** What must hold when a story is over. */
import assert from 'node:assert/strict'
import { reconcile, reconcileGraceMs } from '../../functions/reconcile.ts'
import { partitionsOf } from '../../functions/steps/gather.ts'
import { officialOutputs } from '../../shared/certificate.ts'
import { stateKeys } from '../../shared/documents.ts'
import type { FailureCode } from '../../shared/failure.ts'
import { hasEnded } from '../../shared/memory/submitted-job.ts'
import {
  closingRunsPk,
  fromItem,
  type PartitionRecord,
  type RunRecord,
  recordKeys,
} from '../../shared/records.ts'
import { RunState, Stage } from '../../shared/vocabulary.ts'
import type { MemoryHouse } from '../../sim/memory-house.ts'
import { person } from '../../sim/port-calls.ts'

/** A job that is found alive takes one more. */
const looksMax = 5

export async function runOf(house: MemoryHouse, runId: string): Promise<RunRecord> {
  const item = await house.ports.records.get(recordKeys.run(runId))
  if (item === undefined) return assert.fail(`no run ${runId}`)
  return fromItem<RunRecord>(item)
}

export async function partitionOf(
  house: MemoryHouse,
  runId: string,
  partition: number,
): Promise<PartitionRecord> {
  const item = await house.ports.records.get(recordKeys.partition(runId, partition))
  if (item === undefined) return assert.fail(`partition ${partition} of ${runId} has no record`)
  return fromItem<PartitionRecord>(item)
}

export async function runsOf(house: MemoryHouse, pipeline: string): Promise<RunRecord[]> {
  const { items } = await house.ports.records.query({ index: 'pipeline', pk: pipeline })
  return items.map(item => fromItem<RunRecord>(item))
}

/** Of its recorded failures, in order. */
export async function codesOf(house: MemoryHouse, runId: string, partition: number): Promise<FailureCode[]> {
  return ((await partitionOf(house, runId, partition)).failures ?? []).map(({ code }) => code)
}

/** The partitions that a worker took up in that round. */
export function workedIn(house: MemoryHouse, round: number): number[] {
  return house.children.attempted.filter(one => one.round === round).map(({ partition }) => partition)
}

/** Nothing surprised anybody, and every promise was kept. `wordsMax`: how often the same words may have been said. */
export async function assertWell(house: MemoryHouse, wordsMax = 1): Promise<void> {
  await lookAgain(house)
  assert.deepEqual(house.failures, [])
  assert.deepEqual(house.ports.invariants.broken, [])
  for (const [words, times] of house.ports.invariants.said)
    assert.ok(times <= wordsMax, `${times} times: ${words}`)
  for (const { name } of house.pipelines) {
    for (const run of await runsOf(house, name)) await assertNothingLeft(house, run)
  }
}

/** Reconcile looks a last time for jobs of runs that have ended. */
async function lookAgain(house: MemoryHouse): Promise<void> {
  // Whatever befell the story is over.
  const world = { ...house.worldOf(person), ...house.ports.watched }
  for (let looks = 0; looks < looksMax; looks++) {
    const { items } = await house.ports.records.query({ index: 'open', pk: closingRunsPk })
    if (items.length === 0) return
    await house.moveTo(house.ports.clock.now() + reconcileGraceMs)
    await reconcile(world)
    await house.untilQuiet()
  }
}

async function assertNothingLeft(house: MemoryHouse, run: RunRecord): Promise<void> {
  assert.equal((run as { open?: unknown }).open, undefined, `${run.runId} is ${run.state} and still open`)
  for (const { jobId, request } of house.ports.jobs.submitted()) {
    if (request.environment.MILLRACE_RUN_ID !== run.runId) continue
    const live = house.ports.jobs.children(jobId).filter(({ status }) => !hasEnded(status))
    assert.deepEqual(live, [], 'jobs outlive their run')
  }
  await assertInLedger(house, run)
  const certified = house.ports.certificates.filter(({ runId }) => runId === run.runId)
  assert.equal(
    certified.length,
    run.state === RunState.SUCCEEDED ? 1 : 0,
    'one certificate where it SUCCEEDED',
  )
  const lost: RunState[] = [RunState.FAILED, RunState.CANCELLED]
  // A retry goes on from what records name.
  if (lost.includes(run.state)) return assertOutputs(house, run, await reportedKeys(house, run))
  const named = certified.flatMap(officialOutputs)
  const pieces = await house.ports.objects.list(house.config.buckets.state, stateKeys.piecesPrefix(run.runId))
  assert.deepEqual(pieces.objects, [], 'pieces nobody will read')
  await assertOutputs(
    house,
    run,
    named.map(({ key }) => key),
  )
}

async function reportedKeys(house: MemoryHouse, run: RunRecord): Promise<string[]> {
  const records = [
    ...(await partitionsOf(house.ports, run)),
    ...(await partitionsOf(house.ports, run, Stage.merge)),
  ]
  return records.flatMap(({ report }) => report?.outputs ?? []).map(({ key }) => key)
}

async function assertOutputs(house: MemoryHouse, run: RunRecord, named: string[]): Promise<void> {
  const there = new Set<string>()
  for (const { prefix } of house.pipelines.map(({ output }) => output)) {
    let after: string | undefined
    do {
      const page = await house.ports.objects.list(
        house.config.buckets.output,
        `${prefix}run=${run.runId}/`,
        after,
      )
      for (const { key } of page.objects) there.add(key)
      after = page.next
    } while (after !== undefined)
  }
  assert.deepEqual([...there].toSorted(), named.toSorted(), 'outputs nobody names')
}

/** "Was this object loaded?" has its answer. */
async function assertInLedger(house: MemoryHouse, { runId, source }: RunRecord): Promise<void> {
  const version = await house.ports.records.get(recordKeys.source(source, source.version ?? ''))
  assert.equal(version?.runId, runId, 'the ledger does not name the run of this version')
  const content = await house.ports.records.get(recordKeys.content(source, source.etag))
  assert.notEqual(content, undefined, 'the ledger does not know this content')
}
