/** Where the objects below a pipeline's prefix stand, by the ledger. Pure. */
import type { SourceObject } from './records.ts'
import { RunState } from './vocabulary.ts'

/**
 * `missing`: nobody has it, its event was lost, or it was there before Millrace.
 * `unclear`: an old list of objects may have named it, but is no longer kept.
 */
export const standings = ['loaded', 'underWay', 'failed', 'refused', 'unclear', 'missing'] as const
export type Standing = (typeof standings)[number]

/** The current version of one object. */
export interface Finding {
  standing: Standing
  source: SourceObject
  /** Epoch ms. */
  modifiedAt: number
  runId?: string
  state?: RunState
}

const byState: Record<RunState, Standing> = {
  [RunState.PLANNED]: 'underWay',
  [RunState.RUNNING]: 'underWay',
  [RunState.WAITING]: 'underWay',
  [RunState.SUCCEEDED]: 'loaded',
  [RunState.FAILED]: 'failed',
  [RunState.CANCELLED]: 'failed',
  [RunState.REFUSED]: 'refused',
}

export function standingOf(state: RunState): Standing {
  return byState[state]
}

/** The better of two: what one list failed to load, another one may have loaded. */
export function better(one: Standing, other: Standing): Standing {
  return standings.indexOf(one) <= standings.indexOf(other) ? one : other
}

export type Tally = Record<Standing, { objects: number; bytes: number }>

export function emptyTally(): Tally {
  return Object.fromEntries(standings.map(standing => [standing, { objects: 0, bytes: 0 }])) as Tally
}

export function count(tally: Tally, { standing, source }: Finding): void {
  tally[standing].objects++
  tally[standing].bytes += source.bytes
}

const agoMs: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 }

/**
 * `7d`, `12h`, `30m`, `2w` before `now`, or `2026-11-01`, with or without a time (UTC where it names no zone).
 * @returns epoch ms; `undefined` where it is neither
 */
export function sinceMs(text: string, now: number): number | undefined {
  const [, number, unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text) ?? []
  if (number !== undefined) return now - Number(number) * (agoMs[unit] ?? 0)
  const [, date, time = 'T00:00', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? []
  const at = date === undefined ? Number.NaN : Date.parse(`${date}${time}${zone}`)
  return Number.isNaN(at) ? undefined : at
}
