/** What must hold of the promises once a story is over and all is quiet. */
import { partitionsOf, tasksBeside } from '../functions/steps/gather.ts'
import { officialOutputs } from '../shared/certificate.ts'
import { outputKeys, stateKeys } from '../shared/documents.ts'
import { isOpen } from '../shared/lifecycle.ts'
import { hasEnded } from '../shared/memory/submitted-job.ts'
import type { Objects } from '../shared/ports.ts'
import { type RunRecord, recordKeys } from '../shared/records.ts'
import { RunState } from '../shared/vocabulary.ts'
import { runsOf } from './acts.ts'
import { comesLate, failuresWithoutCause } from './blame.ts'
import type { Troubles } from './faults.ts'
import type { MemoryHouse } from './memory-house.ts'
import { tellLeaseMs, toldMark } from './steps.ts'
import type { Story } from './story.ts'

/** Each begins with the name of the promise. */
export async function endOf(house: MemoryHouse, story: Story, troubles: Troubles): Promise<string[]> {
  const broken = [...house.ports.invariants.broken]
  const { failures } = house
  for (const { step, error } of failures) broken.push(`Every run ends: ${step} met ${wordsOf(error)}`)
  broken.push(...(await saidTooOften(house, story, troubles)))
  broken.push(...(await unloaded(house)), ...(await failuresWithoutCause(house, story, troubles)))
  for (const run of await runsOf(house)) {
    const name = `run ${run.runId}`
    if (isOpen(run.state)) broken.push(`Every run ends: ${name} is ${run.state}`)
    else broken.push(...(await leftBy(house, run, story)), ...untold(house, run, troubles))
    if (!mayFail(story) && run.state !== RunState.SUCCEEDED)
      broken.push(`Every run ends: ${name} is ${run.state} for no fault of its own`)
  }
  return broken
}

/** Every drop has its run, or is known to be the same as an earlier one. */
async function unloaded({ ports, dropped }: MemoryHouse): Promise<string[]> {
  const broken: string[] = []
  for (const { version, ...ref } of dropped) {
    const entry = await ports.records.get(recordKeys.source(ref, version))
    if (entry === undefined)
      broken.push(`Conservation: no run has the drop of ${ref.key}, version ${version}`)
  }
  return broken
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Lists that take longer are refused; a Lambda would not live so long. */
const listingMsMax = 120_000

/** Where no worker was touched, and no file was bad or changed, there is no reason to fail. */
function mayFail({ acts, faults }: Story): boolean {
  const isSlow = faults.some(fault => fault.kind === 'pause' && fault.ms >= listingMsMax)
  const touched = faults.some(({ kind }) => kind === 'process' || kind === 'work' || kind === 'stuck')
  const drops = acts.flatMap(act => (act.kind === 'drop' ? [act] : []))
  const keys = new Set(drops.map(({ key }) => key))
  const bad = drops.some(({ mark, lines }) => mark !== undefined || lines === 0)
  const changed = keys.size < drops.length || acts.some(({ kind }) => kind !== 'drop' && kind !== 'retry')
  return touched || bad || changed || (isSlow && drops.some(({ listed }) => listed))
}

/** Slack takes no token for "the same again": who dies over it, or outstays its lease, may leave words said twice. */
function saidTooOften({ ports }: MemoryHouse, { acts }: Story, troubles: Troubles): string[] {
  const pauses = troubles.of('pause').filter(({ ms }) => ms >= tellLeaseMs / 2).length
  const slow = pauses + acts.filter(({ kind }) => kind === 'a day passes').length
  const wordsMax = 1 + (troubles.struck.get('notify') ?? 0) + slow
  return [...ports.invariants.said]
    .filter(
      ([words, times]) =>
        times > wordsMax + (ports.invariants.retried.get(words.split(' ', 1)[0] ?? '') ?? 0),
    )
    .map(([words, times]) => `Said once: ${times} times ${words}`)
}

function untold(house: MemoryHouse, run: RunRecord, troubles: Troubles): string[] {
  const rules = house.pipelines.find(({ name }) => name === run.pipeline)?.notify
  const states: RunState[] = [RunState.FAILED, RunState.REFUSED]
  if (rules?.slack === undefined) return []
  const words = [...house.ports.invariants.said.keys()].filter(one => one.startsWith(run.runId))
  // Who dies between Slack and the record leaves no trace of what was said.
  const wasBad = !troubles.struck.has('notify') && words.some(one => one.includes(': run failed'))
  if (run.state === RunState.SUCCEEDED && wasBad && !words.some(one => one.includes('succeeded after all')))
    return [`Said once: nobody was told that run ${run.runId} has recovered`]
  if (!states.includes(run.state)) return []
  if (words.length > 0 && run.told === toldMark(run) && run.alertedAt !== undefined) return []
  return [`Said once: nobody was told that run ${run.runId} is ${run.state}`]
}

async function leftBy(house: MemoryHouse, run: RunRecord, story: Story): Promise<string[]> {
  const { ports, config } = house
  const broken: string[] = []
  const name = `run ${run.runId}`
  if ((run as { open?: unknown }).open !== undefined)
    broken.push(`Every run ends: ${name} is ${run.state} and still among the open`)
  for (const { jobId, request } of ports.jobs.submitted()) {
    if (request.environment.MILLRACE_RUN_ID !== run.runId) continue
    if (ports.jobs.children(jobId).some(({ status }) => !hasEnded(status)))
      broken.push(`Nothing orphaned: job ${jobId} outlives ${name}`)
  }
  const entry = await ports.records.get(recordKeys.source(run.source, run.source.version ?? ''))
  if (entry?.runId !== run.runId) broken.push(`Once: the ledger does not name ${name}`)
  broken.push(...(await outputsOf(house, run, story)))
  const finished: RunState[] = [RunState.SUCCEEDED, RunState.REFUSED]
  if (!finished.includes(run.state)) return broken
  const pieces = await keysBelow(ports.objects, config.buckets.state, stateKeys.piecesPrefix(run.runId))
  // What a zombie lays down once more, the bucket's lifecycle rule takes.
  if (pieces.length > 0 && !house.children.hadZombies && !comesLate(story))
    broken.push(`Nothing orphaned: ${name} leaves ${pieces.length} pieces`)
  return broken
}

/** All that a certificate names is there; and nothing else but what a retry needs. */
async function outputsOf(house: MemoryHouse, run: RunRecord, story: Story): Promise<string[]> {
  const { ports, config } = house
  const broken: string[] = []
  const certified = ports.certificates.filter(({ runId }) => runId === run.runId)
  const wanted = run.state === RunState.SUCCEEDED ? 1 : 0
  if (certified.length !== wanted)
    broken.push(`All or nothing: run ${run.runId} is ${run.state} with ${certified.length} certificates`)
  const named = new Set(certified.flatMap(officialOutputs).map(({ key }) => key))
  const retriable: RunState[] = [RunState.FAILED, RunState.CANCELLED]
  if (retriable.includes(run.state)) {
    const tasks = [...(await partitionsOf(ports, run)), ...(await tasksBeside(ports, run))]
    for (const { report } of tasks) for (const { key } of report?.outputs ?? []) named.add(key)
  }
  const prefix = house.pipelines.find(one => one.name === run.pipeline)?.output.prefix ?? ''
  const there = new Set(
    await keysBelow(ports.objects, config.buckets.output, outputKeys.runPrefix(prefix, run.runId)),
  )
  // One that Batch holds for dead may write long after the last sweep; removing that is its own duty, if it lives to.
  const spared = run.state !== RunState.SUCCEEDED && comesLate(story)
  for (const key of spared || house.children.lostZombies > 0 ? [] : there)
    if (!named.has(key)) broken.push(`Nothing orphaned: ${key} of a ${run.state} run is named by nobody`)
  for (const key of named) if (!there.has(key)) broken.push(`All or nothing: ${key} is named and not there`)
  return broken
}

async function keysBelow(objects: Objects, bucket: string, prefix: string): Promise<string[]> {
  const keys: string[] = []
  let after: string | undefined
  do {
    const page = await objects.list(bucket, prefix, after)
    for (const { key } of page.objects) keys.push(key)
    after = page.next
  } while (after !== undefined)
  return keys
}
