/** A story is a value, drawn whole from its seed: who does what, and what goes wrong. */
import { stageBase } from '../shared/documents.ts'
import { seededRandom } from '../shared/memory/clock.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { catalog, listedName } from './catalog.ts'
import { Draw } from './draw.ts'
import { fates } from './drawn-fates.ts'
import type { Fault } from './faults.ts'
import type { ProcessEnd } from './life.ts'
import type { Trouble } from './trouble.ts'
import type { marks } from './work.ts'

export type Mark = keyof typeof marks

/** After so many turns of the story, or once nothing else is left to happen. */
export type Act = { after: number } /** `listed`: as objects elsewhere, and a manifest of them. */ & (
  | {
      kind: 'drop'
      pipeline: string
      key: string
      lines: number
      salt: string
      mark?: Mark
      everyLine?: true
      listed?: true
    }
  | { kind: 'remove'; key: string }
  /** Of every run that may be retried. */
  | { kind: 'retry' }
  /** Of every run that may be cancelled. */
  | { kind: 'cancel' }
  /** In which Batch forgets all jobs that have ended. */
  | { kind: 'a day passes' }
)

export interface Story {
  seed: number
  acts: Act[]
  faults: Fault[]
}

const turnsOfActs = 200
const linesMax = 6
const bigLines = 24
const faultsMax = 10
const hourMs = 60 * 60 * 1000

export function storyOf(seed: number, pipelines: readonly Pipeline[] = catalog): Story {
  const draw = new Draw(seededRandom(seed))
  const acts = Array.from({ length: draw.chance(0.15) ? 2 : 1 }, () => beginning(draw, pipelines)).flat()
  acts.push(...laterActs(draw, acts))
  // One in ten goes well; most have a few troubles.
  const count = draw.chance(0.1) ? 0 : draw.chance(0.5) ? draw.from(1, 3) : draw.from(2, faultsMax)
  const faults = Array.from({ length: count }, () => drawn(draw))
  // What a settle has left half done is in doubt when a person comes in between.
  if (acts.some(({ kind }) => kind === 'cancel')) faults.push(deadSettle(draw))
  return { seed, acts: acts.toSorted((a, b) => a.after - b.after), faults }
}

function beginning(draw: Draw, pipelines: readonly Pipeline[]): Act[] {
  const { name, source } = draw.one(pipelines)
  const files = source.group ? draw.from(2, 5) : 1
  const linesMin = source.group || source.format === 'json' ? 1 : 0
  return Array.from({ length: files }, (_, at) => ({
    after: draw.from(0, at * 10),
    kind: 'drop' as const,
    pipeline: name,
    key: `${source.prefix}${draw.from(0, 9)}${at}.txt`,
    lines: draw.chance(0.05) ? draw.from(linesMax, bigLines) : draw.from(linesMin, linesMax),
    salt: `s${draw.from(0, 99)}`,
    ...markOf(draw),
    ...(name === listedName ? { listed: true as const } : {}),
  }))
}

function markOf(draw: Draw): { mark?: Mark; everyLine?: true } {
  if (draw.chance(0.88)) return {}
  const mark = draw.chance(0.6) ? 'rejected' : 'fatal'
  return draw.chance(0.4) ? { mark, everyLine: true } : { mark }
}

function laterActs(draw: Draw, begun: readonly Act[]): Act[] {
  const acts: Act[] = []
  const after = (): number => draw.from(0, turnsOfActs)
  const dropped = begun.filter(act => act.kind === 'drop')
  const one = draw.one(dropped)
  if (draw.chance(0.08)) acts.push({ ...one, after: after() })
  if (draw.chance(0.06)) acts.push({ ...one, after: after(), salt: 'other', lines: draw.from(1, linesMax) })
  if (draw.chance(0.03)) acts.push({ kind: 'remove', key: one.key, after: after() })
  if (draw.chance(0.2)) acts.push({ kind: 'retry', after: after() })
  if (draw.chance(0.1)) acts.push({ kind: 'retry', after: after() })
  if (draw.chance(0.05)) acts.push({ kind: 'cancel', after: after() })
  if (draw.chance(0.04)) acts.push({ kind: 'a day passes', after: after() })
  return acts
}

/** How many calls the executions of each make in a short story, about. */
const callsOf = {
  partition: 20,
  submit: 20,
  track: 20,
  settle: 45,
  notify: 16,
  reconcile: 30,
  retry: 12,
  cancel: 8,
}
const actors = Object.keys(callsOf) as (keyof typeof callsOf)[]

function drawn(draw: Draw): Fault {
  const kinds: [number, () => Fault][] = [
    [30, () => callFault(draw)],
    [22, () => processFault(draw)],
    [16, () => ({ kind: 'work', misfortune: { ...task(draw), ...draw.one(fates) } })],
    [16, () => ({ kind: 'event', nth: draw.from(0, 40), copies: draw.from(0, 3), delayMs: lateMs(draw) })],
    [1, () => ({ kind: 'stuck', nth: draw.from(0, 5) })],
    [9, () => ({ kind: 'pause', nth: draw.from(0, 150), ms: draw.from(1, 10 * 60) * 1000 })],
    [4, () => ({ kind: 'lag', ms: draw.from(1, 180) * 1000 })],
    [4, () => ({ kind: 'stale', ms: draw.from(1, 20) * 1000 })],
    [3, () => ({ kind: 'skew', by: draw.one(['settle', 'submit', 'notify']), ms: draw.from(-2000, 2000) })],
    [1, () => ({ kind: 'skew', by: 'worker', ms: draw.from(-30_000, 30_000) })],
    [4, () => ({ kind: 'slack', nth: draw.from(1, 3), trouble: draw.one(slackTroubles) })],
  ]
  return draw.weighted(kinds)()
}

const lateMs = (draw: Draw): number => (draw.chance(0.5) ? 0 : draw.from(1, 15 * 60) * 1000)

function callFault(draw: Draw): Fault {
  const by = draw.one(actors)
  const when = draw.one(['before', 'after'] as const)
  const kinds: [number, Trouble][] = [
    [5, { kind: 'dies', when }],
    [3, { kind: 'fails', when }],
    [2, { kind: 'fails', when: 'before', code: 'THROTTLED' }],
  ]
  return { kind: 'call', by, nth: draw.from(1, callsOf[by]), trouble: draw.weighted(kinds) }
}

function deadSettle(draw: Draw): Fault {
  const when = draw.one(['before', 'after'] as const)
  return { kind: 'call', by: 'settle', nth: draw.from(1, callsOf.settle), trouble: { kind: 'dies', when } }
}

const ends: readonly ProcessEnd[] = [
  'reclaimed',
  'reclaimed',
  { statusReason: 'Host EC2 (instance i-0abc1234def567890) terminated.' },
  {
    exitCode: 137,
    statusReason: 'Essential container in task exited',
    reason: 'OutOfMemoryError: Container killed due to memory usage',
  },
  { exitCode: 137, statusReason: 'Job attempt duration exceeded timeout' },
  { statusReason: 'Essential container in task exited' },
  { statusReason: 'Task failed to start', reason: 'CannotPullContainerError: pull access denied' },
  { exitCode: 1, statusReason: 'Essential container in task exited' },
  { exitCode: 143, statusReason: 'Essential container in task exited' },
  { exitCode: 0 },
]

/** Until the next attempt is in the middle of it, or long over. */
const frozenMs = (draw: Draw): number => (draw.chance(0.5) ? draw.from(5, 400) : draw.from(1, 60) * 60 * 1000)

function processFault(draw: Draw): Fault {
  const when = draw.one(['before', 'after'] as const)
  const kinds: [number, () => Trouble][] = [
    [6, () => ({ kind: 'dies', when, end: draw.one(ends) })],
    [3, () => ({ kind: 'freezes', when, again: draw.chance(0.5), ms: frozenMs(draw) })],
    [2, () => ({ kind: 'notice', when, ...(draw.chance(0.3) ? { sudden: true } : {}) })],
    [3, () => ({ kind: 'lingers', when, ms: draw.from(1, 40) * 60 * 1000 })],
    [2, () => ({ kind: 'fails', when, code: draw.one(['THROTTLED', 'TEMPORARY_FAILURE'] as const) })],
  ]
  return {
    kind: 'process',
    process: draw.from(0, 9),
    nth: draw.from(1, 7),
    trouble: draw.weighted(kinds)(),
  }
}

function task(draw: Draw): { partition: number; round: number } {
  const stages = [stageBase.split, stageBase.merge]
  return {
    partition: draw.chance(0.15) ? draw.one(stages) : draw.from(0, linesMax / 2),
    round: draw.chance(0.7) ? 1 : draw.from(2, 3),
  }
}

const slackTroubles: readonly Trouble[] = [
  { kind: 'fails', when: 'before', code: 'CHAT_REFUSED' },
  { kind: 'fails', when: 'before', code: 'THROTTLED' },
  { kind: 'fails', when: 'before' },
  { kind: 'fails', when: 'after' },
]

/** Longer than Batch keeps jobs that have ended. */
export const dayMs = 25 * hourMs
