/** Many stories, and what came of them. */
import type { Pipeline } from '../shared/pipeline.ts'
import { type Counters, type Outcome, type PlayOptions, playStory } from './play.ts'
import { promiseOf, shrink } from './shrink.ts'
import { type Story, storyOf } from './story.ts'

export interface Broken {
  seed: number
  violations: string[]
}

/** What one worker says of some seeds. */
export interface Tally {
  seeds: number
  broken: Broken[]
  counters: Counters
}

export interface Seeds {
  first: number
  count: number
  /** Every so many. */
  step?: number
  pipelines?: readonly Pipeline[]
}

export const noCounters: Counters = {
  calls: {},
  bytesWorked: 0,
  bytesCertified: 0,
  runs: {},
  rounds: 0,
  partitions: 0,
  seconds: 0,
  reconcilesInCalm: 0,
}

/** @param tell takes the tally of every `tellEvery` seeds; `false`: enough */
export async function playSeeds(
  { first, count, step = 1, pipelines }: Seeds,
  tell: (tally: Tally) => boolean,
  tellEvery = 50,
): Promise<void> {
  let tally: Tally = { seeds: 0, broken: [], counters: noCounters }
  const options = pipelines ? { pipelines } : {}
  for (let at = 0; at < count; at++) {
    const seed = first + at * step
    const { violations, counters } = await playStory(storyOf(seed, pipelines), options)
    if (violations.length > 0) tally.broken.push({ seed, violations })
    tally = { ...tally, seeds: tally.seeds + 1, counters: summed(tally.counters, counters) }
    if (tally.seeds < tellEvery && at + 1 < count) continue
    if (!tell(tally)) return
    tally = { seeds: 0, broken: [], counters: noCounters }
  }
}

/** The smallest story that breaks what a seed broke first, played and written down. */
export async function explain(
  { seed, violations }: Broken,
  options: PlayOptions = {},
): Promise<{ story: Story; outcome: Outcome }> {
  const promise = promiseOf(violations[0] ?? '')
  const breaks = async (story: Story): Promise<string | undefined> => {
    const [first] = (await playStory(story, options)).violations
    return first && promiseOf(first)
  }
  const story = await shrink(storyOf(seed, options.pipelines), promise, breaks)
  return { story, outcome: await playStory(story, { ...options, traced: true }) }
}

export function summed(one: Counters, other: Counters): Counters {
  return {
    calls: merged(one.calls, other.calls),
    runs: merged(one.runs, other.runs),
    bytesWorked: one.bytesWorked + other.bytesWorked,
    bytesCertified: one.bytesCertified + other.bytesCertified,
    rounds: one.rounds + other.rounds,
    partitions: one.partitions + other.partitions,
    seconds: one.seconds + other.seconds,
    reconcilesInCalm: Math.max(one.reconcilesInCalm, other.reconcilesInCalm),
  }
}

function merged(one: Record<string, number>, other: Record<string, number>): Record<string, number> {
  const sum = { ...one }
  for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + count
  return sum
}
