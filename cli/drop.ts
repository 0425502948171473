/** `millrace drop`: files into the bucket, under the prefix of their pipeline. */
import { existsSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { partitionBytesMetadata } from '../functions/steps/sources.ts'
import { pipelineMarks } from '../local/pipelines.ts'
import type { Presence } from '../local/presence.ts'
import { MillraceError } from '../shared/errors.ts'
import { isGroupSource } from '../shared/groups.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { runIdOf } from '../shared/plan.ts'
import type { ObjectBody, ObjectRef } from '../shared/ports.ts'
import { fromItem, recordKeys, type SourceRecord } from '../shared/records.ts'
import { sourceBucket } from '../shared/source-bucket.ts'
import { RunState } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { unreadable } from './look.ts'
import { type GlobalOptions, stageOption } from './options.ts'
import { followRun } from './progress.ts'
import { loadRunRecord, type RunReport, reportOf } from './report.ts'
import { type OpenStage, openStage } from './stage.ts'
import { summaryText } from './summary.ts'
import { sayWaiting } from './tick-words.ts'
import { knownIdentities, newIdentity } from './unversioned.ts'

/** An event takes milliseconds here and seconds in AWS; beyond this something is wrong. */
const registeredWithinMs = 5 * 60 * 1000

export interface DropOptions extends GlobalOptions {
  pipeline?: string
  wait: boolean
  partitionBytes?: number
}

export interface Dropped {
  runId: string
  pipeline: string
  bucket: string
  key: string
  /** Or, where the bucket keeps none, what sets this drop of the key apart from others. */
  version: string
}

/** @returns the exit code: 0 only where every awaited run SUCCEEDED */
export async function dropFiles(files: string[], options: DropOptions): Promise<number> {
  for (const file of files) checkFile(file)
  const opened = await openStage(options, 'work')
  let exitCode = 0
  try {
    // Without a running stack nobody else would work the drop: our own stays until it is done.
    const wait = options.wait || opened.stack !== undefined
    if (opened.running) refuseStale(opened.running, opened.world.pipelines, options.pipeline)
    const dropped: Dropped[] = []
    // All at once: small ones may then be loaded together.
    for (const file of files) dropped.push(await dropOne(opened.world, file, options))
    const { schedule } = choosePipeline(opened.world.pipelines, options.pipeline).source
    const now = opened.world.clock.now()
    if (schedule) for (const one of dropped) sayWaiting(one, schedule, now, options)
    else if (wait) exitCode = (await awaitRuns(opened, dropped, options)) ? 0 : 1
    else for (const one of dropped) sayDropped(one, options)
  } finally {
    await opened.close()
  }
  return exitCode
}

function checkFile(file: string): void {
  if (existsSync(file) && statSync(file).isFile()) return
  throw unreadable(file)
}

/** Writes the object; the event of its creation does the rest. Errors: NOT_FOUND where the pipeline is unclear. */
export async function dropOne(
  world: World,
  file: string,
  options: { pipeline?: string; partitionBytes?: number },
): Promise<Dropped> {
  const pipeline = choosePipeline(world.pipelines, options.pipeline)
  const bucket = sourceBucket(pipeline, world.config.buckets.drops)
  const ref = { bucket, key: `${pipeline.source.prefix}${basename(file)}` }
  return putDrop(world, pipeline, ref, { file }, options.partitionBytes)
}

/**
 * Writes what becomes a run of that pipeline; where the user's bucket keeps no versions, waits until it is one.
 * Errors: CONFIG_INVALID where the drops bucket keeps none, and those of `newIdentity`.
 */
export async function putDrop(
  world: World,
  pipeline: Pipeline,
  ref: ObjectRef,
  body: ObjectBody,
  partitionBytes?: number,
  more: Record<string, string> = {},
): Promise<Dropped> {
  const bytes = partitionBytes === undefined ? {} : { [partitionBytesMetadata]: String(partitionBytes) }
  const metadata: Record<string, string> = { ...bytes, ...more }
  const before = await knownIdentities(world, ref)
  const { version, etag } = await world.objects.write(ref, body, { metadata })
  if (version === undefined && ref.bucket === world.config.buckets.drops) {
    throw new MillraceError('CONFIG_INVALID', `The bucket ${ref.bucket} keeps no versions`, {
      remedy: 'Switch versioning on: it tells one drop of a key from the next.',
    })
  }
  const withinMs = registeredWithinMs + (pipeline.source.group?.seconds ?? 0) * 1000
  const identity = version ?? (await newIdentity(world, ref, { etag, before, withinMs }))
  return { ...ref, version: identity, pipeline: pipeline.name, runId: runIdOf(pipeline.name, ref, identity) }
}

export function choosePipeline(pipelines: readonly Pipeline[], name: string | undefined): Pipeline {
  const [only] = pipelines
  if (name === undefined && pipelines.length === 1 && only) return only
  const chosen = pipelines.find(pipeline => pipeline.name === name)
  if (chosen) return chosen
  const names = pipelines.map(pipeline => pipeline.name).join(', ')
  if (name !== undefined) {
    throw new MillraceError('NOT_FOUND', `No pipeline ${name}`, { remedy: `There are: ${names}.` })
  }
  throw new MillraceError('NOT_FOUND', 'Which pipeline?', { remedy: `Give one with --pipeline: ${names}.` })
}

/** A stack goes on with the definitions it was started with; a drop for another one would surprise. */
export function refuseStale(
  { pipelines: marks = {} }: Presence,
  now: readonly Pipeline[],
  name: string | undefined,
): void {
  const pipeline = choosePipeline(now, name)
  if (marks[pipeline.name] === pipelineMarks([pipeline])[pipeline.name]) return
  throw new MillraceError(
    'NOT_ALLOWED',
    `The pipeline ${pipeline.name} was changed after the stack that is up was started`,
    { remedy: 'Stop that stack (Ctrl-C) and start it again with `npx millrace up`.' },
  )
}

export function sayDropped(dropped: Dropped, { json, stage }: Pick<GlobalOptions, 'json' | 'stage'>): void {
  if (json) return void process.stdout.write(`${JSON.stringify(dropped)}\n`)
  process.stdout.write(`dropped s3://${dropped.bucket}/${dropped.key}\nrun     ${dropped.runId}\n`)
  process.stdout.write(`follow  npx millrace show ${dropped.runId}${stageOption(stage)}\n`)
}

/** @returns whether all of them SUCCEEDED */
export async function awaitRuns(
  opened: OpenStage,
  dropped: readonly Dropped[],
  { json }: Pick<DropOptions, 'json'>,
): Promise<boolean> {
  const told = new Set<string>()
  let succeeded = true
  for (const one of dropped) {
    const runId = await registered(opened.world, one, opened.keepUp)
    if (told.has(runId)) continue
    told.add(runId)
    if (!json && runId !== one.runId) process.stderr.write(`${await otherRunWords(opened.world, runId)}\n`)
    const run = await followRun(opened.world, runId, json, opened)
    const report: RunReport = await reportOf(opened.world, run, opened.place)
    process.stdout.write(
      json ? `${JSON.stringify(report)}\n` : summaryText(report, opened.world.config.stage),
    )
    succeeded &&= run.state === RunState.SUCCEEDED
  }
  return succeeded
}

async function otherRunWords(world: World, runId: string): Promise<string> {
  const { source } = await loadRunRecord(world, runId)
  return isGroupSource(source, world.config.buckets.drops)
    ? `it is loaded together with others that came at about the same time, by run ${runId}`
    : `identical content was loaded before, by run ${runId}: nothing to do`
}

/** Waits for the run of a drop; a drop of identical content may be answered by an earlier run. */
export async function registered(
  world: World,
  dropped: Dropped,
  keepUp?: OpenStage['keepUp'],
): Promise<string> {
  const group = world.pipelines.find(({ name }) => name === dropped.pipeline)?.source.group
  const deadline = world.clock.now() + registeredWithinMs + (group?.seconds ?? 0) * 1000
  while (world.clock.now() < deadline) {
    await keepUp?.()
    if (await world.records.get(recordKeys.run(dropped.runId))) return dropped.runId
    const entry = await world.records.get(recordKeys.source(dropped, dropped.version))
    const other = entry && fromItem<SourceRecord>(entry).runId
    // A group enters its members into the ledger before its run is there.
    if (other && other !== dropped.runId && (await world.records.get(recordKeys.run(other)))) return other
    await world.clock.sleep(world.config.stage === 'local' ? 50 : 2000)
  }
  throw new MillraceError('NOT_FOUND', `No run was registered for ${dropped.key} in time`, {
    remedy: 'Look into the dead-letter queue of the drops, and whether EventBridge is on for the bucket.',
  })
}
