/** `millrace simulate`. */
import { availableParallelism } from 'node:os'
import { loadPipelines } from '../local/pipelines.ts'
import { systemClock } from '../shared/clock.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { type Broken, explain, type Tally } from '../sim/campaign.ts'
import { catalog, playable } from '../sim/catalog.ts'
import { playOnCores } from '../sim/pool.ts'
import type { GlobalOptions } from './options.ts'
import { countText } from './words.ts'

export interface SimulateOptions extends GlobalOptions {
  seeds: number
  firstSeed: number
  pipeline?: string
  workers?: number
  /** Of the folder of the options, not the simulator's. */
  ownPipelines: boolean
}

/** Enough to look at; the rest is likely the same. */
const brokenMax = 10
const traceLinesMax = 200
const progressEveryMs = 1000

/** @returns 0 where no promise was broken, else 1 */
export async function simulate(options: SimulateOptions): Promise<number> {
  const pipelines = await pipelinesOf(options)
  const { seeds: count, firstSeed: first, workers = availableParallelism() } = options
  const began = systemClock.now()
  const progress = progressOf(options, began)
  const sum = await playOnCores({
    first,
    count,
    workers,
    brokenMax,
    progress,
    ...(pipelines ? { pipelines } : {}),
  })
  const seconds = (systemClock.now() - began) / 1000
  const [broken] = sum.broken
  const detail = broken && (await explanationOf(broken, options, pipelines))
  process.stdout.write(options.json ? jsonText(sum, seconds, detail) : summaryText(sum, seconds))
  if (detail && !options.json) process.stdout.write(explainedText(detail))
  return broken ? 1 : 0
}

/** `undefined`: the simulator's own. Errors: NOT_FOUND, and those of the pipeline files. */
async function pipelinesOf(options: SimulateOptions): Promise<Pipeline[] | undefined> {
  if (!options.ownPipelines && options.pipeline === undefined) return undefined
  const own = options.ownPipelines ? await loadPipelines(options.pipelinesDir) : catalog
  const chosen = own.filter(({ name }) => options.pipeline === undefined || name === options.pipeline)
  if (chosen.length === 0) {
    throw new MillraceError('NOT_FOUND', `No pipeline ${options.pipeline}`, {
      remedy: `There are: ${own.map(({ name }) => name).join(', ')}. Yours are taken with --pipelines <dir>.`,
    })
  }
  return options.ownPipelines ? chosen.map(pipeline => played(pipeline)) : chosen
}

function played(own: Pipeline): Pipeline {
  const { pipeline, instead } = playable(own)
  if (instead) process.stderr.write(`${own.name}: played on lines of text, its ${instead} is not made up\n`)
  return pipeline
}

function progressOf({ seeds, json }: SimulateOptions, began: number): (sum: Tally) => void {
  let saidAt = began
  return sum => {
    const now = systemClock.now()
    if (json || now - saidAt < progressEveryMs) return
    saidAt = now
    const rate = Math.round((sum.seeds * 1000) / (now - began))
    const rest = process.stderr.isTTY ? '\r' : '\n'
    process.stderr.write(
      `${countText(sum.seeds)} of ${countText(seeds)} seeds, ${rate}/s, ${sum.broken.length} broken${rest}`,
    )
  }
}

interface Explained {
  seed: number
  violations: string[]
  replay: string
  story: unknown
  trace: string[]
}

async function explanationOf(
  broken: Broken,
  options: SimulateOptions,
  pipelines: Pipeline[] | undefined,
): Promise<Explained> {
  const { story, outcome } = await explain(broken, pipelines ? { pipelines } : {})
  const { seed } = broken
  const trace = outcome.trace.slice(-traceLinesMax)
  return { seed, violations: outcome.violations, replay: replayOf(seed, options), story, trace }
}

/** The command that plays one seed again. */
export function replayOf(
  seed: number,
  {
    ownPipelines,
    pipelinesDir,
    pipeline,
  }: Pick<SimulateOptions, 'ownPipelines' | 'pipelinesDir' | 'pipeline'>,
): string {
  const own = ownPipelines ? ` --pipelines ${pipelinesDir}` : ''
  const one = pipeline === undefined ? '' : ` --pipeline ${pipeline}`
  return `npx millrace${own} simulate --seeds 1 --first-seed ${seed}${one}`
}

function summaryText({ seeds, broken, counters }: Tally, seconds: number): string {
  const { runs, rounds, partitions, bytesWorked, bytesCertified, reconcilesInCalm } = counters
  const states = Object.entries(runs).map(([state, count]) => `${countText(count)} ${state}`)
  return [
    `${countText(seeds)} seeds in ${seconds.toFixed(1)} s (${Math.round(seeds / seconds)}/s), ${broken.length} broken`,
    `runs: ${states.join(', ')}; ${countText(rounds)} rounds, ${countText(partitions)} partitions`,
    `bytes worked: ${countText(bytesWorked)}, of which ${countText(bytesCertified)} are in certificates`,
    `with no more trouble every run ended within ${reconcilesInCalm} reconciles`,
    '',
  ].join('\n')
}

function jsonText(sum: Tally, seconds: number, explained: Explained | undefined): string {
  return `${JSON.stringify({ ...sum, seconds, ...(explained ? { explained } : {}) })}\n`
}

function explainedText({ seed, violations, replay, story, trace }: Explained): string {
  return [
    '',
    `Seed ${seed} breaks a promise. The smallest story that does:`,
    JSON.stringify(story, undefined, 2),
    '',
    ...trace,
    '',
    ...violations,
    '',
    `Replay it: ${replay}`,
    '',
  ].join('\n')
}
