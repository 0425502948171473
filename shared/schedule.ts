/** EventBridge Scheduler's expressions, and when they are due. Pure. */
import { isoTime } from './clock.ts'
import { type CalendarDay, type Cron, parseCron } from './cron.ts'
import { MillraceError } from './errors.ts'
import { dayMs, instantOf, zoneOf } from './timezone.ts'

export interface Schedule {
  /** `rate(6 hours)` or `cron(0 2 * * ? *)`. */
  expression: string
  timezone: string
}

const unitsMs = { minute: 60_000, hour: 3_600_000, day: dayMs } as const
/** Cron's last year is 2199; whatever is due at all is due within them of any day from 1970 on. */
const daysMax = 230 * 366
const remedy =
  'Write it as EventBridge Scheduler does: rate(6 hours), or cron(0 2 * * ? *) for every day at two.'

/** What is wrong with an expression; `undefined`: nothing. */
export function scheduleFault(expression: string): { words: string; remedy: string } | undefined {
  try {
    const never = nextTick({ expression, timezone: 'UTC' }, 0) === undefined
    return never ? { words: `${expression} never comes`, remedy } : undefined
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return { words: error.message, remedy: error.remedy ?? remedy }
  }
}

/** The interval of a rate, in ms; `undefined` for a cron. Errors: CONFIG_INVALID for anything else. */
export function rateMs(expression: string): number | undefined {
  const [, count, unit] = /^rate\((\d{1,7}) (minute|hour|day)s?\)$/.exec(expression.trim()) ?? []
  if (unit === undefined) {
    if (/^cron\(.*\)$/.test(expression.trim())) return undefined
    throw new MillraceError('CONFIG_INVALID', `${expression} is neither a rate nor a cron`, { remedy })
  }
  if (Number(count) > 0) return Number(count) * unitsMs[unit as keyof typeof unitsMs]
  throw new MillraceError('CONFIG_INVALID', `${expression} is no interval`, { remedy })
}

/**
 * When the schedule is due next, later than `after` (both epoch ms); a rate counts from `after`. As in AWS, a time that
 * the clocks leap over in spring is left out, one that they show twice in autumn counts the first time only.
 * @returns `undefined` where it is due no more. Errors: CONFIG_INVALID.
 */
export function nextTick({ expression, timezone }: Schedule, after: number): number | undefined {
  const every = rateMs(expression)
  if (every !== undefined) return after + every
  const cron = cronOf(expression)
  const zone = zoneOf(timezone)
  const today = Math.floor((after + zone(after)) / dayMs)
  for (let day = today; day < today + daysMax; day++) {
    if (!cron.isOn(calendarDay(day))) continue
    for (const wall of wallsOf(cron, day)) {
      const at = instantOf(wall, zone)
      if (at > after && at + zone(at) === wall) return at
    }
  }
  return undefined
}

function cronOf(expression: string): Cron {
  try {
    return parseCron(expression.trim().slice('cron('.length, -1))
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    throw new MillraceError('CONFIG_INVALID', `${expression} ${error.message}`, { cause: error, remedy })
  }
}

/** What clocks show, as epoch ms as if it were UTC. */
function* wallsOf({ hours, minutes }: Cron, day: number): Generator<number> {
  for (const hour of hours) {
    for (const minute of minutes) yield day * dayMs + (hour * 60 + minute) * 60_000
  }
}

/** `day`: since 1970-01-01, a Thursday. */
function calendarDay(day: number): CalendarDay {
  const [year = 0, month = 0, date = 0] = isoTime(day * dayMs)
    .slice(0, 10)
    .split('-')
    .map(Number)
  const lastDate = new Map([
    [2, isLeap(year) ? 29 : 28],
    [4, 30],
    [6, 30],
    [9, 30],
    [11, 30],
  ])
  return { year, month, date, weekday: ((((day + 4) % 7) + 7) % 7) + 1, lastDate: lastDate.get(month) ?? 31 }
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}
