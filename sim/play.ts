/** Plays a story to its end, and says what it broke. */
import type { Certificate } from '../shared/certificate.ts'
import { openGroupsPk } from '../shared/groups.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import type { Ports, Records } from '../shared/ports.ts'
import { closingRunsPk, openRunsPk } from '../shared/records.ts'
import { perform, retryAll, runsOf } from './acts.ts'
import { catalog } from './catalog.ts'
import { endOf } from './ending.ts'
import { Troubles } from './faults.ts'
import { MemoryHouse } from './memory-house.ts'
import { countedCalls } from './port-calls.ts'
import type { Story } from './story.ts'

/** Troubles may strike for so long. */
const stormMsMax = 3 * 60 * 60 * 1000
const stormReconciles = 2
const callMs = 5
const stormTurnsMax = 100_000
/** With no more troubles, every run ends within so many. */
export const calmReconcilesMax = 60
const openPks = [openRunsPk, closingRunsPk, openGroupsPk]

export interface Counters {
  /** Of ports, by name. */
  calls: Record<string, number>
  /** Of the sources: by all attempts, and by those that are certified. */
  bytesWorked: number
  bytesCertified: number
  /** By state. */
  runs: Record<string, number>
  rounds: number
  partitions: number
  /** Of simulated time. */
  seconds: number
  reconcilesInCalm: number
}

export interface Outcome {
  /** Each begins with the name of the promise. */
  violations: string[]
  trace: string[]
  counters: Counters
}

export interface PlayOptions {
  /** Default: the simulator's own. */
  pipelines?: readonly Pipeline[]
  /** Write down what happens. */
  traced?: boolean
  /** Puts a fault into the table beneath the house: a test of the simulator itself. */
  spoiled?: (records: Records) => Records
  /** Looks on at what everybody asks of the ports. */
  observed?: (ports: Ports, by: string) => Ports
}

/** Errors: none of the story's; what surprises is a violation. */
export async function playStory(story: Story, options: PlayOptions = {}): Promise<Outcome> {
  const troubles = new Troubles(story.faults)
  const trace: string[] = []
  const house = houseOf(story, troubles, options, options.traced ? line => trace.push(line) : undefined)
  const startMs = house.ports.clock.now()
  let reconcilesInCalm = 0
  const violations: string[] = []
  try {
    await storm(house, story)
    troubles.end()
    reconcilesInCalm = await calm(house)
    violations.push(...(await endOf(house, story, troubles)))
    if (violations.length === 0) violations.push(...(await secondChance(house, story, troubles)))
  } catch (error) {
    violations.push(`Every run ends: ${error instanceof Error ? error.stack : String(error)}`)
  }
  const seconds = Math.round((house.ports.clock.now() - startMs) / 1000)
  return { violations, trace, counters: { ...(await counted(house)), seconds, reconcilesInCalm } }
}

function houseOf(
  { seed }: Story,
  troubles: Troubles,
  { pipelines = catalog, spoiled, observed }: PlayOptions,
  note?: (line: string) => void,
): MemoryHouse {
  const stuck = new Set(troubles.of('stuck').map(({ nth }) => nth))
  const asked = troubles.of('process').filter(({ trouble }) => ['notice', 'lingers'].includes(trouble.kind))
  const watchful = new Set(asked.map(({ process }) => process))
  return new MemoryHouse({
    seed,
    pipelines: [],
    parsed: pipelines,
    heals: true,
    callMs,
    batch: () => 1 + (seed % 3),
    fault: (call, _, life) => troubles.strike(call, life),
    copies: delivery => troubles.copies(delivery),
    delayMs: delivery => troubles.delayMs(delivery),
    dawdles: () => troubles.pauseMs(),
    skewMs: life => troubles.skewMs(life),
    lagMs: () => troubles.longest('lag'),
    staleMs: () => troubles.longest('stale'),
    stuck: nth => stuck.has(nth),
    fateOf: attempted => troubles.fateOf(attempted),
    mayLeave: nth => watchful.has(nth),
    skewToleratedMs: troubles.of('skew').length > 0 ? 60_000 : 0,
    ...(seed % 2 === 0 ? { afterFault: 'lost' as const } : {}),
    ...(note ? { note } : {}),
    ...(spoiled ? { spoiled } : {}),
    ...(observed ? { observed } : {}),
  })
}

async function storm(house: MemoryHouse, { acts }: Story): Promise<void> {
  const { clock } = house.ports
  const untilMs = clock.now() + stormMsMax
  const left = [...acts]
  let reconciles = 0
  for (let turns = 0; turns < stormTurnsMax; turns++) {
    const next = left[0]
    if (next && next.after <= turns) await perform(house, left.shift() ?? next)
    else if (await house.turn()) continue
    else if (house.nextDueAt() < untilMs) await house.moveTo(house.nextDueAt())
    else if (next) await perform(house, left.shift() ?? next)
    else if (reconciles++ < stormReconciles) await house.reconcile()
    else return
  }
  throw new Error(`not quiet after ${stormTurnsMax} turns`)
}

/** @returns how many reconciles it took until nothing was open. */
async function calm(house: MemoryHouse): Promise<number> {
  house.deliveries.redrive('partition')
  await house.untilQuiet()
  for (let taken = 0; taken < calmReconcilesMax; taken++) {
    if (await nothingOpen(house)) return taken
    await house.reconcile()
  }
  return calmReconcilesMax
}

async function nothingOpen({ ports }: MemoryHouse): Promise<boolean> {
  for (const pk of openPks)
    if ((await ports.records.query({ index: 'open', pk })).items.length > 0) return false
  return true
}

/** A person tries again what has failed; in every fourth story. */
async function secondChance(house: MemoryHouse, story: Story, troubles: Troubles): Promise<string[]> {
  if (story.seed % 4 !== 0) return []
  await retryAll(house)
  await calm(house)
  return endOf(house, story, troubles)
}

async function counted(house: MemoryHouse): Promise<Omit<Counters, 'seconds' | 'reconcilesInCalm'>> {
  const runs = await runsOf(house)
  const states: Record<string, number> = {}
  for (const { state } of runs) states[state] = (states[state] ?? 0) + 1
  return {
    calls: countedCalls(house.calls),
    bytesWorked: house.children.bytesWorked,
    bytesCertified: house.ports.certificates.reduce((sum, one) => sum + bytesOf(one), 0),
    runs: states,
    rounds: runs.reduce((sum, { round }) => sum + round, 0),
    partitions: runs.reduce((sum, { partitions }) => sum + partitions, 0),
  }
}

function bytesOf({ partitions }: Certificate): number {
  return partitions.reduce((sum, { range }) => sum + (range ? range[1] - range[0] : 0), 0)
}
