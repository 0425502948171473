/** When files are to have come: deadlines on the clocks of a time zone, and what became of each. Pure. */
import { isoTime } from './clock.ts'
import type { Pipeline } from './pipeline.ts'
import type { RecordKey } from './table.ts'
import { dayMs, instantOf, zoneOf } from './timezone.ts'

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
