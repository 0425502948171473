/** Files are dropped into a town under mischief; then peace comes, every run must end, and everything is checked. */

import { retryRun } from '../../functions/steps/retry.ts'
import { partitionBytesMetadata } from '../../functions/steps/sources.ts'
import { systemClock } from '../../shared/clock.ts'
import { isError } from '../../shared/errors.ts'
import { can, isOpen } from '../../shared/lifecycle.ts'
import { runIdOf } from '../../shared/plan.ts'
import type { ObjectRef } from '../../shared/ports.ts'
import { fromItem, type RunRecord, recordKeys, type SourceRecord } from '../../shared/records.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { type Case, caseOf, type Drop, type Row } from './cases.ts'
import { type Figures, figuresOf } from './figures.ts'
import { type Hit, type MischiefOptions, startMischief } from './mischief.ts'
import { openTown, type Town } from './town.ts'
import { checkRun, checkTown } from './verdict.ts'

export interface ChaosOptions extends MischiefOptions {
  /** An empty folder. */
  dir: string
  runs: number
  /** Of mischief; what has not been dropped by then is not. */
  msMax: number
  /** So many cases are under way together. */
  atOnce: number
  cores: number
  /** So many times as large as by default are files and partitions. */
  size?: number
  deathChance: number
  /** Of each read of each worker; absent: as fast as it goes. */
  bytesPerSecond?: number | undefined
  tell: (words: string) => void
}

export interface Outcome {
  faults: string[]
  cases: number
  runs: number
  /** Runs that ended FAILED and were retried in peace, as a person does; and why they had. */
  retried: string[]
  /** Messages brought back from dead-letter queues, by queue. */
  redriven: Record<string, number>
  done: Record<Hit, number>
  /** From the end of the mischief to the end of the last run. */
  calmMs: number
  figures: Figures
}

interface Dropped {
  drop: Drop
  ref: ObjectRef
  version: string
}

interface Underway {
  case: Case
  dropped: Dropped[]
}

const lookEveryMs = 150
const reconcileEveryMs = 20_000
/** After the mischief: longer than every lease (2 min, 5 min) and the grace of reconcile. */
const calmMsMax = 10 * 60_000
/** The last runs stay under mischief for at most as long. */
const tailMsMax = 60_000
const retriesMax = 3

export async function chaos(options: ChaosOptions): Promise<Outcome> {
  const town = await openTown(options)
  try {
    await slowDown(town, options)
    const mischief = startMischief(town, options)
    const all = await dropAll(town, options).finally(() => mischief.stop())
    options.tell(`peace after ${all.length} cases`)
    const calmAt = systemClock.now()
    const peace = await bringPeace(town, all, options)
    const calmMs = systemClock.now() - calmAt
    const owners = await ownersOf(town, all)
    const faults = [...peace.faults, ...(await checked(town, all, owners, options))]
    const figures = await figuresOf(town, [...owners.values()])
    const { retried, redriven } = peace
    const runs = new Set([...owners.values()].map(({ runId }) => runId)).size
    return { faults, cases: all.length, runs, retried, redriven, done: mischief.done, calmMs, figures }
  } finally {
    await town.close()
  }
}

async function slowDown(town: Town, { bytesPerSecond }: ChaosOptions): Promise<void> {
  if (bytesPerSecond === undefined) return
  const environment = { MILLRACE_LOCAL_FAULT: `slow-reads ${bytesPerSecond}` }
  await town.post('/local/interfere', { jobNamePattern: '*', environment, once: false })
}

async function dropAll(
  town: Town,
  { seed, size, runs, atOnce, msMax, tell }: ChaosOptions,
): Promise<Underway[]> {
  const all: Underway[] = []
  let open: Underway[] = []
  const deadline = systemClock.now() + msMax
  const nudge = nudger(town)
  for (let tailUntil = deadline + tailMsMax; systemClock.now() < Math.min(deadline, tailUntil); ) {
    while (open.length < atOnce && all.length < runs) {
      const one = await dropCase(town, caseOf(seed, all.length, size))
      all.push(one)
      open.push(one)
      if (all.length === runs) tailUntil = systemClock.now() + tailMsMax
    }
    const before = open.length
    open = await stillOpen(town, open)
    if (open.length < before) tell(`${all.length - open.length} of ${runs} ended`)
    if (open.length === 0 && all.length === runs) break
    nudge()
    await systemClock.sleep(lookEveryMs)
  }
  return all
}

function nudger(town: Town): () => void {
  let dueAt = systemClock.now() + reconcileEveryMs
  return () => {
    if (systemClock.now() < dueAt) return
    dueAt = systemClock.now() + reconcileEveryMs
    town.reconcile()
  }
}

async function dropCase(town: Town, one: Case): Promise<Underway> {
  const dropped: Dropped[] = []
  for (const drop of one.drops) {
    const ref = { bucket: town.world.config.buckets.drops, key: drop.key }
    const { partitionBytes: bytes } = drop
    const metadata: Record<string, string> = bytes ? { [partitionBytesMetadata]: String(bytes) } : {}
    const { version = '' } = await town.world.objects.write(ref, drop.body, { metadata })
    if (drop.rows) dropped.push({ drop: { ...drop, body: Buffer.alloc(0) }, ref, version })
  }
  return { case: one, dropped }
}

async function stillOpen(town: Town, all: readonly Underway[]): Promise<Underway[]> {
  const open: Underway[] = []
  for (const one of all) {
    const runs = await Promise.all(one.dropped.map(each => runOf(town, one.case, each)))
    if (runs.some(run => run === undefined || isOpen(run.state))) open.push(one)
  }
  return open
}

/** A run of its own, or the one of the group that took it. */
async function runOf(
  { world }: Town,
  { pipeline }: Case,
  { ref, version }: Dropped,
): Promise<RunRecord | undefined> {
  const own = await world.records.get(recordKeys.run(runIdOf(pipeline, ref, version)))
  if (own) return fromItem<RunRecord>(own)
  const entry = await world.records.get(recordKeys.source(ref, version))
  const item = entry && (await world.records.get(recordKeys.run(fromItem<SourceRecord>(entry).runId)))
  return item && fromItem<RunRecord>(item)
}

async function bringPeace(
  town: Town,
  all: readonly Underway[],
  { tell }: ChaosOptions,
): Promise<Pick<Outcome, 'faults' | 'retried' | 'redriven'>> {
  await town.calmDown()
  const redriven = town.redrive()
  const retried: string[] = []
  for (let tries = 0; ; tries++) {
    const open = await awaited(town, all)
    if (open.length > 0) return { faults: open.map(words => `never ended: ${words}`), retried, redriven }
    const failed = [...(await ownersOf(town, all)).values()].filter(({ state }) => can.retry(state) === true)
    const unique = new Map(failed.map(run => [run.runId, run]))
    if (unique.size === 0 || tries === retriesMax) return { faults: [], retried, redriven }
    for (const run of unique.values()) {
      retried.push(`${run.runId} ${run.failure?.code}: ${run.failure?.words}`)
      tell(`retrying ${retried.at(-1)}`)
      await retryRun(town.world, run.runId).catch((error: unknown) => {
        if (!isError(error, 'NOT_ALLOWED')) throw error
      })
    }
  }
}

/** What had not ended in time. */
async function awaited(town: Town, all: readonly Underway[]): Promise<string[]> {
  const deadline = systemClock.now() + calmMsMax
  const nudge = nudger(town)
  let open = [...all]
  while (systemClock.now() < deadline) {
    open = await stillOpen(town, open)
    if (open.length === 0) return []
    nudge()
    await systemClock.sleep(lookEveryMs)
  }
  const runs = open.map(async one => {
    const found = await Promise.all(one.dropped.map(each => runOf(town, one.case, each)))
    const words = found.map(run => `${run?.runId} ${run?.state} in round ${run?.round}`)
    return `case ${one.case.number} (${one.case.kind}): ${[...new Set(words)].join(', ')}`
  })
  return Promise.all(runs)
}

async function ownersOf(town: Town, all: readonly Underway[]): Promise<Map<Dropped, RunRecord>> {
  const owners = new Map<Dropped, RunRecord>()
  for (const one of all) {
    for (const each of one.dropped) {
      const run = await runOf(town, one.case, each)
      if (run) owners.set(each, run)
    }
  }
  return owners
}

/** Each run against all that was dropped into it. */
async function checked(
  town: Town,
  all: readonly Underway[],
  owners: ReadonlyMap<Dropped, RunRecord>,
  { seed, size, tell }: ChaosOptions,
): Promise<string[]> {
  const runs = new Map<string, { run: RunRecord; of: Case; rows: Row[] }>()
  const faults: string[] = []
  for (const one of all) {
    const anew = new Map(caseOf(seed, one.case.number, size).drops.map(drop => [drop.key, drop]))
    for (const each of one.dropped) {
      const run = owners.get(each)
      if (run === undefined) {
        faults.push(`case ${one.case.number} (${one.case.kind}): ${each.ref.key} has no run`)
        continue
      }
      const known = runs.get(run.runId) ?? { run, of: one.case, rows: [] }
      known.rows = known.rows.concat(anew.get(each.ref.key)?.rows?.() ?? [])
      runs.set(run.runId, known)
    }
  }
  tell(`checking ${runs.size} runs`)
  for (const { run, of, rows } of runs.values()) {
    const where = `case ${of.number} (${of.kind}), run ${run.runId}`
    const found = await checkRun(town, run, rows, of.ordered).catch((error: unknown) => [String(error)])
    faults.push(...found.map(fault => `${where}: ${fault}`))
  }
  const published = [...runs.values()].filter(({ run }) => run.state === RunState.SUCCEEDED)
  return [
    ...faults,
    ...(await checkTown(
      town,
      published.map(({ run }) => run),
    )),
  ]
}
