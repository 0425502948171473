/** `millrace audit`: what lies below a pipeline's prefix, held against the ledger. */
import { inTurns } from '../functions/steps/turns.ts'
import { type Finding, type Standing, sinceMs, standings, type Tally } from '../shared/audit.ts'
import { isoTime } from '../shared/clock.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { runIdOf } from '../shared/plan.ts'
import { sourceBucket } from '../shared/source-bucket.ts'
import { EventType } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { auditObjects } from './audit/objects.ts'
import { awaitRuns, choosePipeline, type Dropped, refuseStale } from './drop.ts'
import { type GlobalOptions, stageOption } from './options.ts'
import { openStage } from './stage.ts'
import { bytesText, countOf, countText, tableText } from './words.ts'

/** Of each standing, in the text. */
const shownMax = 20
/** By one command: the next one goes on from there. */
const droppedAnewMax = 10_000

const words: Record<Standing, string> = {
  loaded: 'loaded',
  underWay: 'under way',
  failed: 'failed',
  refused: 'refused',
  unclear: 'unclear',
  missing: 'missing',
}
/** Those that a person may want to see one by one. */
const named: readonly Standing[] = ['refused', 'unclear', 'failed', 'missing']

export interface AuditCommand extends GlobalOptions {
  pipeline: string
  since?: string
  dropMissing: boolean
}

interface Audited {
  pipeline: Pipeline
  since?: number
  tally: Tally
  shown: Finding[]
  dropped: Dropped[]
}

/** @returns the exit code: 0 where nothing has failed, and nothing is missing that was not dropped anew */
export async function audit(options: AuditCommand): Promise<number> {
  const opened = await openStage(options, options.dropMissing ? 'work' : 'look')
  try {
    const { world } = opened
    const pipeline = choosePipeline(world.pipelines, options.pipeline)
    if (options.dropMissing && opened.running) refuseStale(opened.running, world.pipelines, pipeline.name)
    const audited = await auditPipeline(world, pipeline, options)
    if (!options.json) process.stdout.write(auditText(audited, world))
    const asleep = world.config.stage === 'local' && !opened.running && !opened.stack
    if (asleep) process.stderr.write(asleepText)
    const went = opened.stack === undefined || (await awaitRuns(opened, audited.dropped, options))
    if (options.json) sayJson(auditedLine(audited))
    const { failed, missing } = audited.tally
    return went && failed.objects === 0 && missing.objects === audited.dropped.length ? 0 : 1
  } finally {
    await opened.close()
  }
}

const asleepText =
  'note: no local stack is up; what was copied by hand into its drops folder is seen by the next `npx millrace up`\n'

async function auditPipeline(world: World, pipeline: Pipeline, options: AuditCommand): Promise<Audited> {
  const since = options.since === undefined ? undefined : sinceOf(options.since, world.clock.now())
  const shown: Finding[] = []
  const dropped: Dropped[] = []
  const left = new Map(named.map(standing => [standing, shownMax]))
  const take = async (findings: readonly Finding[]): Promise<void> => {
    for (const finding of findings) {
      const room = left.get(finding.standing)
      if (room === undefined) continue
      if (options.json) sayJson(findingLine(finding))
      else if (room > 0) shown.push(finding)
      left.set(finding.standing, room - 1)
    }
    if (!options.dropMissing) return
    const room = droppedAnewMax - dropped.length
    dropped.push(...(await dropAnew(world, pipeline, findings.filter(isDroppable).slice(0, room))))
  }
  const tally = await auditObjects(world, pipeline, { ...(since === undefined ? {} : { since }), take })
  return { pipeline, ...(since === undefined ? {} : { since }), tally, shown, dropped }
}

function sinceOf(text: string, now: number): number {
  const since = sinceMs(text, now)
  if (since !== undefined) return since
  throw new MillraceError('CONFIG_INVALID', `--since ${text} is no time`, {
    remedy: 'Give a date (2026-11-01, 2026-11-01T06:00Z) or how long ago (30m, 12h, 7d, 2w).',
  })
}

/** Without a version, an event that is still under way could not be told from the new one: it would be loaded twice. */
function isDroppable({ standing, source }: Finding): boolean {
  return standing === 'missing' && source.version !== undefined
}

/** The event that never came, once more. Nothing is copied; an object that is dropped twice is one run. */
export async function dropAnew(
  world: World,
  pipeline: Pipeline,
  findings: readonly Finding[],
): Promise<Dropped[]> {
  return inTurns(findings, async ({ source }) => {
    const { bucket, key, bytes, etag, version = '' } = source
    const runId = runIdOf(pipeline.name, source, version)
    const detail = { runId, pipeline: pipeline.name, bucket, key, bytes, etag, version }
    await world.bus.publish({ type: EventType.sourceMissed, detail })
    return { runId, pipeline: pipeline.name, bucket, key, version }
  })
}

function sayJson(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function findingLine({ standing, source, modifiedAt, runId, state }: Finding): object {
  return { standing, ...source, modifiedAt: isoTime(modifiedAt), runId: runId ?? null, state: state ?? null }
}

function auditedLine({ pipeline, since, tally, dropped }: Audited): object {
  const from = since === undefined ? null : isoTime(since)
  return { pipeline: pipeline.name, since: from, counts: tally, droppedAnew: dropped.length }
}

function auditText(audited: Audited, world: World): string {
  const { pipeline, since, tally, shown, dropped } = audited
  const where = `s3://${sourceBucket(pipeline, world.config.buckets.drops)}/${pipeline.source.prefix}`
  const from = since === undefined ? '' : `, written since ${isoTime(since)}`
  const rows = standings.map(one => [words[one], countText(tally[one].objects), bytesText(tally[one].bytes)])
  const lists = named.map(standing => namedText(standing, tally, shown)).join('')
  const table = tableText([['', 'OBJECTS', 'SIZE'], ...rows])
  return `${pipeline.name}: ${where}${from}\n${table}\n${lists}${nextText(audited, world)}${droppedText(dropped)}`
}

function namedText(standing: Standing, tally: Tally, shown: readonly Finding[]): string {
  const own = shown.filter(finding => finding.standing === standing)
  if (own.length === 0) return ''
  const rows = own.map(({ source, modifiedAt, runId, state }) => [
    `  ${isoTime(modifiedAt).slice(0, 19).replace('T', ' ')}`,
    ...(runId === undefined ? [] : [runId, state ?? '']),
    bytesText(source.bytes),
    JSON.stringify(source.key),
  ])
  const hidden = tally[standing].objects - own.length
  const more = hidden > 0 ? `  and ${countText(hidden)} more; --json names them all\n` : ''
  return `\n${words[standing]}:\n${tableText(rows)}\n${more}`
}

function nextText({ pipeline, tally, dropped }: Audited, { config }: World): string {
  const stage = stageOption(config.stage)
  const left = tally.missing.objects - dropped.length
  const lines = [
    left > 0 && dropped.length === 0
      ? `load what is missing: npx millrace audit ${pipeline.name}${stage} --drop-missing`
      : undefined,
    left > 0 && dropped.length > 0
      ? `${countOf(left, 'object')} not dropped anew: more than ${countText(droppedAnewMax)} at a time, or without a version (load those: npx millrace load ${pipeline.name} <key>)`
      : undefined,
    tally.failed.objects > 0
      ? `why a run failed, and how to go on: npx millrace show <run>${stage}`
      : undefined,
    tally.unclear.objects > 0
      ? 'unclear: a list of objects that was loaded after them may have named them, but it is kept no longer'
      : undefined,
  ].filter(line => line !== undefined)
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`
}

function droppedText(dropped: readonly Dropped[]): string {
  return dropped.length === 0 ? '' : `\ndropped anew: ${countOf(dropped.length, 'object')}\n`
}
