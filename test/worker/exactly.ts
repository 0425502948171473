/** What each type holds of a text, worked out in whole numbers and without DuckDB: the second opinion of types.test.ts. */

/** `undefined`: the text is none of the type. Dates in days, times in microseconds, decimals in units of their scale. */
export type Oracle = (text: string) => bigint | number | boolean | string | undefined

const trimmed = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '')

const wholeNumber =
  (bits: bigint): Oracle =>
  text => {
    const [, digits] = /^([+-]?[0-9]+)(?:\.0+)?$/.exec(trimmed(text)) ?? []
    if (digits === undefined) return undefined
    const value = BigInt(digits.replace('+', ''))
    return BigInt.asIntN(Number(bits), value) === value ? value : undefined
  }

const decimal =
  (precision: number, scale: number): Oracle =>
  text => {
    const [, sign, whole = '', fraction = ''] = /^([+-]?)([0-9]*)\.?([0-9]*)$/.exec(trimmed(text)) ?? []
    if (sign === undefined || whole + fraction === '') return undefined
    const kept = fraction.replace(/0+$/, '')
    if (kept.length > scale) return undefined
    const units = BigInt(whole + kept.padEnd(scale, '0'))
    if (units >= 10n ** BigInt(precision)) return undefined
    return sign === '-' ? -units : units
  }

const double: Oracle = text => {
  const plain = trimmed(text)
  if (/^[+-]?(?:nan|inf(?:inity)?)$/i.test(plain)) return 'not finite'
  if (!/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?$/i.test(plain)) return undefined
  const value = Number(plain)
  if (!Number.isFinite(value)) return undefined
  if (value === 0) return /^[^e]*[1-9]/i.test(plain) ? undefined : 0
  const [, digits] = /^([+-]?[0-9]{16,})(?:\.0*)?$/.exec(plain) ?? []
  if (digits !== undefined && BigInt(value) !== BigInt(digits.replace('+', ''))) return undefined
  return digits !== undefined && digits.replace(/^[+-]?0*/, '').length > 38 ? undefined : value
}

/** Of the proleptic Gregorian calendar, counted from 1970-01-01. */
function days(year: number, month: number, day: number): bigint | undefined {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  if (day < 1 || day > (lengths[month - 1] ?? 0)) return undefined
  const before = lengths.slice(0, month - 1).reduce((sum, length) => sum + length, 0)
  const leaps = (y: number) => Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400)
  return BigInt(365 * (year - 1970) + leaps(year - 1) - leaps(1969) + before + day - 1)
}

function daysOf(text: string): bigint | undefined {
  const shape = /^([0-9]{4,6}|[1-9][0-9]{6}(?=-[0-9]{2}-[0-9]{2}$))-([0-9]{1,2})-([0-9]{1,2})$/
  const [, year, month, day] = shape.exec(text) ?? []
  return year === undefined ? undefined : days(Number(year), Number(month), Number(day))
}

function microsOf(text: string): bigint | undefined {
  const shape = /^([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]*))?)?$/
  const [, hour, minute, second = '0', fraction = ''] = shape.exec(text) ?? []
  if (hour === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  const kept = fraction.replace(/0+$/, '')
  if (kept.length > 6) return undefined
  const seconds = BigInt(hour) * 3600n + BigInt(minute ?? 0) * 60n + BigInt(second)
  return seconds * 1_000_000n + BigInt(kept.padEnd(6, '0'))
}

const dayMicros = 86_400_000_000n
const timestampMax = 2n ** 63n - 2n

function instant(date: string, time: string, offsetMinutes: number): bigint | undefined {
  const day = daysOf(date)
  const micros = microsOf(time)
  if (day === undefined || micros === undefined) return undefined
  const value = day * dayMicros + micros - BigInt(offsetMinutes) * 60_000_000n
  return value > timestampMax ? undefined : value
}

const timestamp: Oracle = text => {
  const [, date = '', time = '0:0'] = /^([0-9-]+)(?:[ T](.*))?$/.exec(trimmed(text)) ?? []
  return instant(date, time, 0)
}

const timestampTz: Oracle = text => {
  const shape = /^([0-9-]+)[ T]([0-9]+:[0-9]+:[0-9.]+)(?:(Z)|([+-])([0-9]{2})(?::?([0-9]{2}))?)$/
  const [, date, time = '', zulu, sign, hours, minutes = '0'] = shape.exec(trimmed(text)) ?? []
  if (date === undefined) return undefined
  if (zulu) return instant(date, time, 0)
  if (Number(hours) > 18 || Number(minutes) > 59) return undefined
  const offset = Number(hours) * 60 + Number(minutes)
  return instant(date, time, sign === '-' ? -offset : offset)
}

const boolean: Oracle = text => {
  const plain = trimmed(text).toLowerCase()
  if (['true', 't', 'yes', 'y', '1'].includes(plain)) return true
  return ['false', 'f', 'no', 'n', '0'].includes(plain) ? false : undefined
}

const json: Oracle = text => {
  try {
    JSON.parse(text, (key, value: unknown) => {
      if (key.isWellFormed() && (typeof value !== 'string' || value.isWellFormed())) return value
      throw new Error('half a surrogate pair')
    })
    return text
  } catch {
    return undefined
  }
}

/** By type, with the SQL that makes of a value what the oracle says. */
export const oracles: Record<string, { oracle: Oracle; sql: string }> = {
  SMALLINT: { oracle: wholeNumber(16n), sql: 'v::HUGEINT' },
  INTEGER: { oracle: wholeNumber(32n), sql: 'v::HUGEINT' },
  BIGINT: { oracle: wholeNumber(64n), sql: 'v::HUGEINT' },
  'DECIMAL(12,2)': { oracle: decimal(12, 2), sql: '(v::DECIMAL(38,2) * 100)::HUGEINT' },
  'DECIMAL(38,0)': { oracle: decimal(38, 0), sql: 'v::HUGEINT' },
  'DECIMAL(5,5)': { oracle: decimal(5, 5), sql: '(v::DECIMAL(30,5) * 100000)::HUGEINT' },
  DOUBLE: { oracle: double, sql: 'v' },
  DATE: { oracle: text => daysOf(trimmed(text)), sql: "date_diff('day', DATE '1970-01-01', v)" },
  TIME: {
    oracle: text => microsOf(trimmed(text)),
    sql: 'hour(v) * 3600000000 + minute(v) * 60000000 + microsecond(v)',
  },
  TIMESTAMP: { oracle: timestamp, sql: 'epoch_us(v)' },
  TIMESTAMPTZ: { oracle: timestampTz, sql: 'epoch_us(v)' },
  BOOLEAN: { oracle: boolean, sql: 'v' },
  JSON: { oracle: json, sql: 'v::VARCHAR' },
}
