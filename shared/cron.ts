/** AWS's cron expressions: six fields, `?`, L, W and #, weekdays from 1 for SUN to 7 for SAT. Pure. */
import { MillraceError } from './errors.ts'

export interface CalendarDay {
  year: number
  /** From 1. */
  month: number
  /** Of the month, from 1. */
  date: number
  /** From 1 for Sunday. */
  weekday: number
  /** Days of its month. */
  lastDate: number
}

export interface Cron {
  /** In order. */
  minutes: number[]
  /** In order. */
  hours: number[]
  isOn(day: CalendarDay): boolean
}

interface Field {
  name: string
  least: number
  most: number
  words?: readonly string[]
}

const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const weekdays = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
const minuteField: Field = { name: 'minutes', least: 0, most: 59 }
const hourField: Field = { name: 'hours', least: 0, most: 23 }
const dateField: Field = { name: 'day-of-month', least: 1, most: 31 }
const monthField: Field = { name: 'month', least: 1, most: 12, words: months }
const weekdayField: Field = { name: 'day-of-week', least: 1, most: 7, words: weekdays }
const yearField: Field = { name: 'year', least: 1970, most: 2199 }

/** @param text what stands in the parentheses of `cron(...)`. Errors: CONFIG_INVALID. */
export function parseCron(text: string): Cron {
  const fields = text.trim().split(/\s+/)
  const [minute = '', hour = '', date = '', month = '', weekday = '', year = ''] = fields
  if (fields.length !== 6)
    throw invalid(`has ${fields.length} fields, not six: minutes hours day-of-month month day-of-week year`)
  if ((date === '?') === (weekday === '?')) {
    throw invalid("must have '?' as exactly one of its day-of-month and its day-of-week")
  }
  const inMonth = setOf(month, monthField)
  const inYear = setOf(year, yearField)
  const isDate = date === '?' ? undefined : datesOf(date)
  const isWeekday = weekday === '?' ? undefined : weekdaysOf(weekday)
  return {
    minutes: inOrder(setOf(minute, minuteField)),
    hours: inOrder(setOf(hour, hourField)),
    isOn: day =>
      inMonth.has(day.month) && inYear.has(day.year) && (isDate?.(day) ?? true) && (isWeekday?.(day) ?? true),
  }
}

type DayTest = (day: CalendarDay) => boolean

function datesOf(text: string): DayTest {
  if (text === 'L') return ({ date, lastDate }) => date === lastDate
  const [, nearest] = /^(\d{1,2})W$/.exec(text) ?? []
  if (nearest === undefined) {
    const dates = setOf(text, dateField)
    return ({ date }) => dates.has(date)
  }
  const wanted = numberOf(nearest, dateField)
  return day => isNearestWorkday(day, wanted)
}

/** From Monday to Friday, in the same month: the one that is nearest to `wanted`. */
function isNearestWorkday({ date, weekday, lastDate }: CalendarDay, wanted: number): boolean {
  if (wanted > lastDate) return false
  const on = (((weekday - 1 + wanted - date) % 7) + 7) % 7
  if (on === 6) return date === (wanted === 1 ? 3 : wanted - 1)
  if (on === 0) return date === (wanted === lastDate ? wanted - 2 : wanted + 1)
  return date === wanted
}

function weekdaysOf(text: string): DayTest {
  if (text === 'L') return ({ weekday }) => weekday === weekdayField.most
  const [, last] = /^([A-Za-z0-9]+)L$/.exec(text) ?? []
  if (last !== undefined) {
    const wanted = numberOf(last, weekdayField)
    return ({ weekday, date, lastDate }) => weekday === wanted && date + 7 > lastDate
  }
  const [, which, nth] = /^([A-Za-z0-9]+)#([1-5])$/.exec(text) ?? []
  if (which !== undefined) {
    const wanted = numberOf(which, weekdayField)
    return ({ weekday, date }) => weekday === wanted && Math.ceil(date / 7) === Number(nth)
  }
  const some = setOf(text, weekdayField)
  return ({ weekday }) => some.has(weekday)
}

function setOf(text: string, field: Field): Set<number> {
  return new Set(text.split(',').flatMap(item => rangeOf(item, field)))
}

function rangeOf(item: string, field: Field): number[] {
  const [, first = '', last, step] =
    /^(\*|[A-Za-z0-9]+)(?:-([A-Za-z0-9]+))?(?:\/(\d{1,4}))?$/.exec(item) ?? []
  const every = Number(step ?? 1)
  if (first === '' || (first === '*' && last !== undefined) || every === 0) throw unread(item, field)
  const from = first === '*' ? field.least : numberOf(first, field)
  const open = first === '*' || (step !== undefined && last === undefined)
  const to = open ? field.most : numberOf(last ?? first, field)
  if (to < from) throw unread(item, field)
  return Array.from({ length: Math.floor((to - from) / every) + 1 }, (_, at) => from + at * every)
}

function numberOf(text: string, field: Field): number {
  const word = field.words?.indexOf(text.toUpperCase()) ?? -1
  const value = word >= 0 ? word + field.least : /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN
  if (value >= field.least && value <= field.most) return value
  throw unread(text, field)
}

function inOrder(values: Set<number>): number[] {
  return [...values].toSorted((a, b) => a - b)
}

function unread(text: string, { name, least, most, words }: Field): MillraceError {
  const named = words === undefined ? '' : ` (or ${words[0]} to ${words.at(-1)})`
  return invalid(`has '${text}' as its ${name}, which goes from ${least} to ${most}${named}`)
}

function invalid(words: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', words)
}
