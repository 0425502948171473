/** `millrace tick`: a tick of a pipeline's schedule, by hand. */
import { newObjects } from '../functions/steps/new-objects.ts'
import { isoTime } from '../shared/clock.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Drop } from '../shared/events.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { runIdOf } from '../shared/plan.ts'
import type { Schedule } from '../shared/schedule.ts'
import { sourceBucket } from '../shared/source-bucket.ts'
import { scheduleDue, tickSource } from '../shared/ticks.ts'
import type { World } from '../shared/world.ts'
import { awaitRuns, choosePipeline, type Dropped, refuseStale } from './drop.ts'
import type { GlobalOptions } from './options.ts'
import { type OpenStage, openStage } from './stage.ts'
import { nextTicks, scheduleText } from './tick-words.ts'
import { bytesText, countOf, tableText } from './words.ts'

const nextShown = 3

export interface TickOptions extends GlobalOptions {
  pipeline: string
  dryRun: boolean
  wait: boolean
}

/** @returns the exit code: 0 unless an awaited run did not succeed. Errors: NOT_FOUND, NOT_ALLOWED. */
export async function tickNow(options: TickOptions): Promise<number> {
  const opened = await openStage(options, options.dryRun ? 'look' : 'work')
  try {
    const { world, running } = opened
    const pipeline = choosePipeline(world.pipelines, options.pipeline)
    const schedule = scheduleOf(pipeline)
    if (running && !options.dryRun) refuseStale(running, world.pipelines, pipeline.name)
    const { drops } = await newObjects(world, pipeline)
    if (options.dryRun || drops.length === 0) return sayNew(world, pipeline, schedule, drops, options.json)
    return await tick(opened, pipeline, drops, options)
  } finally {
    await opened.close()
  }
}

function scheduleOf({ name, source: { schedule } }: Pipeline): Schedule {
  if (schedule) return schedule
  throw new MillraceError('NOT_ALLOWED', `The pipeline ${name} has no schedule: each drop is a run at once`, {
    remedy: `Look for what no run has with \`npx millrace audit ${name}\`, or set source.schedule.`,
  })
}

async function tick(
  opened: OpenStage,
  { name }: Pipeline,
  drops: readonly Drop[],
  { json, wait }: TickOptions,
): Promise<number> {
  const { world, stack } = opened
  const at = world.clock.now()
  const place = tickSource(world.config.buckets.drops, { pipeline: name, scheduledAt: isoTime(at) })
  const run: Dropped = { ...place, pipeline: name, version: '', runId: runIdOf(name, place, '') }
  await world.bus.publish(scheduleDue(name, at))
  if (wait || stack !== undefined) return (await awaitRuns(opened, [run], { json })) ? 0 : 1
  const { runId } = run
  if (json) process.stdout.write(`${JSON.stringify({ pipeline: name, runId, ...totalOf(drops) })}\n`)
  else process.stdout.write(`tick    ${countOf(drops.length, 'object')}\nrun     ${runId}\n`)
  return 0
}

function sayNew(
  { clock, config }: World,
  pipeline: Pipeline,
  schedule: Schedule,
  drops: readonly Drop[],
  json: boolean,
): number {
  const now = clock.now()
  const total = totalOf(drops)
  if (json) {
    const next = nextTicks(schedule, now, nextShown)
    process.stdout.write(
      `${JSON.stringify({ pipeline: pipeline.name, runId: null, ...total, schedule, next })}\n`,
    )
    return 0
  }
  const rows = [
    ['below', `s3://${sourceBucket(pipeline, config.buckets.drops)}/${pipeline.source.prefix}`],
    ['new', drops.length === 0 ? 'nothing: no run' : countOf(total.objects, 'object')],
    ...(drops.length === 0 ? [] : [['size', bytesText(total.bytes)]]),
    ['schedule', scheduleText(schedule, now)],
  ]
  process.stdout.write(`${tableText(rows)}\n`)
  return 0
}

function totalOf(drops: readonly Drop[]): { objects: number; bytes: number } {
  return { objects: drops.length, bytes: drops.reduce((sum, { source }) => sum + source.bytes, 0) }
}
