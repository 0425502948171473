/** `millrace reject replay`: what a run rejected, and nothing else, dropped anew. */
import { runDocument } from '../functions/steps/documents.ts'
import type { RunDocument } from '../shared/documents.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { pipelineFor } from '../shared/plan.ts'
import { fromItem, type RunRecord, recordKeys } from '../shared/records.ts'
import { sourceBucket } from '../shared/source-bucket.ts'
import { RunState } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { openScratch } from '../worker/scratch.ts'
import { awaitRuns, choosePipeline, type Dropped, putDrop, refuseStale, sayDropped } from './drop.ts'
import type { GlobalOptions } from './options.ts'
import { gather, refuseLost, sayPlan } from './reject-gather.ts'
import { planReplay } from './reject-plan.ts'
import { loadRunRecord } from './report.ts'
import { type OpenStage, openStage } from './stage.ts'

/** User metadata of such a drop: the run whose rejected records it holds. */
export const replayMetadata = 'millrace-replay-of'

export interface ReplayOptions extends GlobalOptions {
  dryRun: boolean
  wait: boolean
  /** Leave out what cannot be replayed. */
  partial: boolean
  /** Though they were replayed before. */
  again: boolean
}

/** @returns the exit code: 0 where all were replayed, and every awaited run SUCCEEDED. Errors: NOT_ALLOWED, NOT_FOUND. */
export async function replayRejects(runId: string, options: ReplayOptions): Promise<number> {
  const opened = await openStage(options, options.dryRun ? 'look' : 'work')
  const scratch = await openScratch()
  try {
    const { world, running } = opened
    const run = await loadRunRecord(world, runId)
    refuseUnlessReplayable(run, options)
    const document = await runDocument(world, run)
    refuseUnlessText(document)
    const pipeline = choosePipeline(world.pipelines, run.pipeline)
    const gathered = await gather(world, run, document, scratch.dir)
    if (running && !options.dryRun) refuseStale(running, world.pipelines, pipeline.name)
    const keys = gathered.files.map((_, at) => replayKey(pipeline, run, at, gathered.files.length))
    for (const key of keys) refuseOtherPipeline(world, pipeline, key)
    const planned = await planReplay(pipeline, document, gathered.files)
    for (const words of planned.warnings) process.stderr.write(`${words}\n`)
    if (options.dryRun) return sayPlan(gathered, keys, options.json)
    refuseLost(gathered, options)
    return await dropAll(opened, { run, pipeline, files: planned.files, keys }, options)
  } finally {
    await scratch.remove()
    await opened.close()
  }
}

function refuseUnlessReplayable(run: RunRecord, { again, dryRun }: ReplayOptions): void {
  const { runId, state, replays = 0, replayedBy = [] } = run
  if (state !== RunState.SUCCEEDED) {
    throw new MillraceError('NOT_ALLOWED', `Run ${runId} is ${state}: it has published nothing to add to`, {
      remedy: 'Correct the pipeline, and drop the whole file again.',
    })
  }
  if (replays === 0 || again || dryRun) return
  const by = replayedBy.map(one => `run ${one.runId} (${one.key})`).join(', ')
  const words = by === '' ? 'a replay was begun and has recorded no drop' : `by ${by}`
  throw new MillraceError(
    'NOT_ALLOWED',
    `The rejected records of run ${runId} were replayed before: ${words}`,
    {
      remedy:
        'If that run has published nothing of them, replay them with --again. What it has would be double.',
    },
  )
}

function refuseUnlessText({ layout: { format } }: RunDocument): void {
  if (format !== 'parquet' && format !== 'avro') return
  throw new MillraceError('NOT_ALLOWED', `Records of ${format} are no text: no file is made of single ones`, {
    remedy: '`millrace reject list --json` has their places and values: write a file of them, and drop that.',
  })
}

/** By its number a replay is told from the one before; by its name, from any other drop. */
function replayKey(
  { source }: Pipeline,
  { runId, replays = 0 }: RunRecord,
  at: number,
  files: number,
): string {
  const extensions = {
    csv: 'csv',
    ndjson: 'ndjson',
    json: 'json',
    lines: 'log',
    fixed: 'txt',
    parquet: '',
    avro: '',
  }
  const compressed = { none: '', gzip: '.gz', zstd: '.zst' }[source.compression ?? 'none']
  const number = files === 1 ? replays + 1 : `${replays + 1}-${at + 1}`
  return `${source.prefix}replay/${runId}-${number}.${extensions[source.format]}${compressed}`
}

function refuseOtherPipeline({ pipelines, config }: World, pipeline: Pipeline, key: string): void {
  const { drops } = config.buckets
  const taker = pipelineFor(pipelines, { bucket: sourceBucket(pipeline, drops), key }, drops)
  if (taker?.name === pipeline.name) return
  throw new MillraceError('NOT_ALLOWED', `The pipeline ${taker?.name} would take ${key}`, {
    remedy: `Give it another prefix than one in ${pipeline.source.prefix}replay/.`,
  })
}

interface Replay {
  run: RunRecord
  pipeline: Pipeline
  files: string[]
  keys: string[]
}

async function dropAll(opened: OpenStage, replay: Replay, options: ReplayOptions): Promise<number> {
  const { world, stack } = opened
  const { run, pipeline, files, keys } = replay
  const number = await claimReplay(world, run)
  const dropped: Dropped[] = []
  for (const [at, file] of files.entries()) {
    const ref = { bucket: sourceBucket(pipeline, world.config.buckets.drops), key: keys[at] ?? '' }
    const one = await putDrop(world, pipeline, ref, { file }, undefined, { [replayMetadata]: run.runId })
    dropped.push(one)
    const entry = { replay: number, key: one.key, runId: one.runId }
    await world.records.update(recordKeys.run(run.runId), { append: { replayedBy: [entry] } })
  }
  if (options.wait || stack !== undefined) return (await awaitRuns(opened, dropped, options)) ? 0 : 1
  for (const one of dropped) sayDropped(one, options)
  return 0
}

/** Of two people who replay at the same time, one does. @returns the number of this replay, from 1. Errors: NOT_ALLOWED. */
export async function claimReplay(
  world: Pick<World, 'records'>,
  { runId, replays = 0 }: RunRecord,
): Promise<number> {
  const guard = [{ replays: replays === 0 ? { absent: true as const } : { is: replays } }]
  const { ok, item } = await world.records.update(
    recordKeys.run(runId),
    { set: { replays: replays + 1 } },
    guard,
  )
  if (ok) return replays + 1
  const now = item && fromItem<RunRecord>(item).replays
  throw new MillraceError('NOT_ALLOWED', `Somebody else has just replayed them: it is replay ${now}`)
}
