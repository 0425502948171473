/** When files are to have come: deadlines on the clocks of a time zone, and what became of each. Pure. */
import { isoTime } from './clock.ts'
import type { Pipeline } from './pipeline.ts'
import type { RecordKey } from './table.ts'

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

export type Expect = NonNullable<Pipeline['expect']>

/** What is known of one deadline. `late`: they came after a person was to be told. */
export type ExpectationState = 'met' | 'missed' | 'late'

/** `EXPECT#<pipeline>` / `DAY#<date>` */
export interface ExpectationRecord {
  pipeline: string
  /** On the calendar of the time zone: `2026-11-21`. */
  date: string
  state: ExpectationState
  expect: Expect
  /** Epoch ms. */
  deadline: number
  /** Epoch ms: files that came later than this count. */
  since: number
  /** How many came by the time of the state. */
  came: number
  /** Epoch ms, if after the deadline: the last of those that were expected. Later ones count for the next deadline. */
  cameAt?: number
  /** Epoch ms: a notify is telling people. */
  tellingAt?: number
  /** The state that people were told of, or that needs no words. */
  told?: ExpectationState
  thread?: { channel: string; ts?: string }
  /** Epoch seconds. */
  expiresAt: number
}

/** `EXPECT#<pipeline>` / `NOW`: no deadline before the rule was first seen is missed. */
export interface WatchRecord {
  /** The expectation as JSON. */
  rule: string
  /** Epoch ms. */
  since: number
}

export const expectationKeys = {
  now: (pipeline: string): RecordKey => ({ pk: `EXPECT#${pipeline}`, sk: 'NOW' }),
  day: (pipeline: string, date: string): RecordKey => ({ pk: `EXPECT#${pipeline}`, sk: `DAY#${date}` }),
}

export interface Deadline {
  /** `2026-11-21` */
  date: string
  /** Epoch ms. */
  at: number
  /** The one before. */
  before: { date: string; at: number }
}

const dayMs = 24 * 60 * 60 * 1000
/** A week, and a day for the one at either end that a time zone may skip. */
const daysBackMax = 16

/** The newest deadline that is not after `now` (epoch ms). */
export function lastDeadline(expect: Pick<Expect, 'by' | 'timezone' | 'days'>, now: number): Deadline {
  const zone = zoneOf(expect.timezone)
  const today = Math.floor((now + zone(now)) / dayMs)
  const found: { date: string; at: number }[] = []
  for (let day = today; day > today - daysBackMax && found.length < 2; day--) {
    const at = instantOf(day * dayMs + minutesOf(expect.by) * 60_000, zone)
    if (at <= now && expect.days.includes(weekdayOf(day)))
      found.push({ date: isoTime(day * dayMs).slice(0, 10), at })
  }
  const [last, before] = found
  if (last === undefined || before === undefined) throw new RangeError('a week without its days')
  return { ...last, before }
}

function minutesOf(by: string): number {
  const [hours, minutes] = by.split(':').map(Number)
  return (hours ?? 0) * 60 + (minutes ?? 0)
}

/** `day`: since 1970-01-01, a Thursday. */
function weekdayOf(day: number): Weekday {
  return weekdays[(((day + 3) % 7) + 7) % 7] ?? 'mon'
}

/** How far the clocks of the zone are ahead of UTC at an instant, in ms. */
type Zone = (instant: number) => number

function zoneOf(timezone: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  return instant => {
    const parts = new Map(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]))
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0
    const wall = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    )
    return wall - Math.floor(instant / 1000) * 1000
  }
}

/**
 * When clocks show `wall` (epoch ms as if it were UTC): the first time where they do so twice; where they leap over it,
 * as much later as they leap.
 */
function instantOf(wall: number, zone: Zone): number {
  const [before, after] = [zone(wall - dayMs), zone(wall + dayMs)]
  const [early, late] = [wall - before, wall - after]
  return zone(early) !== before && zone(late) === after ? late : early
}

export function isTimezone(name: string): boolean {
  try {
    return Number.isFinite(zoneOf(name)(0))
  } catch {
    return false
  }
}
