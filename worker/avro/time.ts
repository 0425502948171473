/** Days and times counted from 1970, as the texts that DuckDB writes. Pure arithmetic. */

const secondsPerDay = 86_400

/** `2020-01-31`; before the year 1, `0044-03-15 (BC)`. After http://howardhinnant.github.io/date_algorithms.html */
export function dateText(days: number): string {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const text = `${padded(year > 0 ? year : 1 - year, 4)}-${padded(month, 2)}-${padded(day, 2)}`
  return year > 0 ? text : `${text} (BC)`
}

/** `count` parts of a second since midnight. What is no time of day stays a number, which no TIME takes. */
export function timeText(count: number | bigint, perSecond: number): string {
  const { seconds, rest } = split(count, perSecond)
  if (seconds < 0 || seconds >= secondsPerDay) return String(count)
  return clockText(seconds, rest, perSecond)
}

/** `count` parts of a second since 1970. */
export function timestampText(count: number | bigint, perSecond: number): string {
  const { seconds, rest } = split(count, perSecond)
  const days = Math.floor(seconds / secondsPerDay)
  return `${dateText(days)} ${clockText(seconds - days * secondsPerDay, rest, perSecond)}`
}

function clockText(seconds: number, rest: number, perSecond: number): string {
  const minutes = Math.floor(seconds / 60)
  const clock = `${padded(Math.floor(minutes / 60), 2)}:${padded(minutes % 60, 2)}:${padded(seconds % 60, 2)}`
  if (rest === 0) return clock
  const digits = String(perSecond).length - 1
  return `${clock}.${padded(rest, digits).replace(/0+$/, '')}`
}

/** Whole seconds, and what is left of `count`, never negative. */
function split(count: number | bigint, perSecond: number): { seconds: number; rest: number } {
  if (typeof count === 'number') {
    const seconds = Math.floor(count / perSecond)
    return { seconds, rest: count - seconds * perSecond }
  }
  const per = BigInt(perSecond)
  const rest = ((count % per) + per) % per
  return { seconds: Number((count - rest) / per), rest: Number(rest) }
}

function padded(value: number, digits: number): string {
  if (digits === 2) return value < 10 ? `0${value}` : String(value)
  return String(value).padStart(digits, '0')
}
