/** Ticks of a pipeline's schedule: each is one run of all that came. Pure. */
import { epochMs, isoTime } from './clock.ts'
import type { Pipeline } from './pipeline.ts'
import type { ObjectRef, OwnEvent } from './ports.ts'
import { ticksPrefix } from './reserved.ts'
import { nextTick } from './schedule.ts'
import type { RecordKey } from './table.ts'
import { EventType } from './vocabulary.ts'

export interface Tick {
  pipeline: string
  /** ISO 8601. */
  scheduledAt: string
}

/** `TICK#<pipeline>` / `NOW`: where the next tick goes on, if one did not get to the end of the prefix. */
export interface TickRecord {
  /** The last key that was looked at; '' is the beginning. */
  after: string
}

export const tickKeys = {
  now: (pipeline: string): RecordKey => ({ pk: `TICK#${pipeline}`, sk: 'NOW' }),
}

/** @param at epoch ms of when it was due: repeated, it is the same tick */
export function scheduleDue(pipeline: string, at: number): OwnEvent {
  return { type: EventType.scheduleDue, detail: { pipeline, scheduledAt: isoTime(at) } }
}

/** What stands for a tick where a run has its source, to the second: no object has this key. */
export function tickSource(dropsBucket: string, { pipeline, scheduledAt }: Tick): ObjectRef {
  const second = isoTime(epochMs(scheduledAt)).slice(0, 19)
  return { bucket: dropsBucket, key: `${ticksPrefix}${pipeline}/${second}Z` }
}

/** Is an object that was written then (epoch ms) still waiting for the next tick? A rate counts from any moment. */
export function waitsForTick({ source: { schedule } }: Pipeline, writtenAt: number, now: number): boolean {
  if (schedule === undefined) return false
  const due = nextTick(schedule, writtenAt)
  return due === undefined || due > now
}
