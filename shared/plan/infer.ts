/**
 * Which types take a text exactly, as the worker casts it; and the narrowest that takes all of a sample. Pure.
 * What looks like a number and would not come back as it was (leading zeros, a sign, an id of twenty digits) is text.
 */
export const varchar = 'VARCHAR'

const date = String.raw`(\d{4})-(\d\d)-(\d\d)`
const time = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?`
const offset = String.raw`(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)`
const shapes = {
  date: new RegExp(`^${date}$`),
  time: new RegExp(`^${time}$`),
  timestamp: new RegExp(`^${date}[ T]${time}$`),
  timestampTz: new RegExp(`^${date}[ T]${time}${offset}$`),
  whole: /^(?:0|-?[1-9]\d*)$/,
  decimal: /^-?(0|[1-9]\d*|)\.(\d+)$/,
  real: /^-?(?:\d+\.?\d*|\.\d+)[eE][+-]?\d+$/,
  boolean: /^(?:true|false)$/i,
}
const integerMax = 2n ** 31n
const bigintMax = 2n ** 63n
/** A double gives so many digits back as they were. */
const doubleDigits = 15
/** Beyond it a varying number of decimals is a measure, not money. */
const decimalScaleMax = 4

type Kind =
  | 'BOOLEAN'
  | 'INTEGER'
  | 'BIGINT'
  | 'DECIMAL'
  | 'DOUBLE'
  | 'DATE'
  | 'TIME'
  | 'TIMESTAMP'
  | 'TIMESTAMPTZ'
  | 'JSON'
  | 'VARCHAR'

/** The narrowest kind of one text. */
function kindOf(text: string): Kind {
  if (shapes.boolean.test(text)) return 'BOOLEAN'
  if (shapes.whole.test(text)) return wholeKind(text)
  if (shapes.decimal.test(text)) return digitsOf(text) <= 38 ? 'DECIMAL' : varchar
  if (shapes.real.test(text)) return isPlainDouble(text) ? 'DOUBLE' : varchar
  if (shapes.time.test(text)) return 'TIME'
  if (/^\d{4}-/.test(text)) return dayKind(text)
  return /^[[{]/.test(text) && isJson(text) ? 'JSON' : varchar
}

function wholeKind(text: string): Kind {
  // No more digits than BIGINT has, so that the number is cheap to make.
  if (text.length > 20) return varchar
  const value = BigInt(text)
  if (value >= -integerMax && value < integerMax) return 'INTEGER'
  return value >= -bigintMax && value < bigintMax ? 'BIGINT' : varchar
}

function dayKind(text: string): Kind {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)/.exec(text) ?? []
  if (!isDay(Number(year), Number(month), Number(day))) return varchar
  if (shapes.date.test(text)) return 'DATE'
  if (shapes.timestamp.test(text)) return 'TIMESTAMP'
  return shapes.timestampTz.test(text) ? 'TIMESTAMPTZ' : varchar
}

function isDay(year: number, month: number, day: number): boolean {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0
  return year > 0 && day >= 1 && day <= days
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const digitsOf = (text: string): number => text.replace(/^-?0*\.?0*|[.]/g, '').length

function isPlainDouble(text: string): boolean {
  const value = Number(text)
  const digits = digitsOf(text.replace(/[eE].*$/, ''))
  return Number.isFinite(value) && digits <= doubleDigits && (value !== 0 || digits === 0)
}

/** The kind that takes what both take; text where there is none. */
function wider(one: Kind, other: Kind): Kind {
  if (one === other) return one
  const ladders: Kind[][] = [
    ['INTEGER', 'BIGINT', 'DECIMAL', 'DOUBLE'],
    ['DATE', 'TIMESTAMP'],
  ]
  for (const ladder of ladders) {
    const at = Math.max(ladder.indexOf(one), ladder.indexOf(other))
    if (ladder.includes(one) && ladder.includes(other)) return ladder[at] ?? varchar
  }
  return varchar
}

/**
 * The narrowest column type that takes every one of the texts exactly. DECIMAL is given room before its point: the
 * largest amount of a sample is not the largest there is.
 * @returns `undefined` where there are no texts
 */
export function narrowestType(texts: readonly string[]): string | undefined {
  let kind: Kind | undefined
  for (const text of texts) {
    kind = kind === undefined ? kindOf(text) : wider(kind, kindOf(text))
    if (kind === varchar) return varchar
  }
  if (kind === 'DECIMAL') return decimalType(texts)
  if (kind === 'DOUBLE') return texts.every(isDoubled) ? kind : varchar
  return kind
}

function decimalType(texts: readonly string[]): string {
  const scales = texts.map(text => text.split('.')[1]?.length ?? 0)
  const scale = Math.max(...scales)
  const varying = scales.some(each => each > 0 && each !== scale)
  if (varying && scale > decimalScaleMax && texts.every(isDoubled)) return 'DOUBLE'
  const whole = Math.max(...texts.map(text => text.replace(/^-|\..*$/g, '').length))
  if (whole + scale > 38) return varchar
  return `DECIMAL(${whole + scale <= 18 ? 18 : 38},${scale})`
}

function isDoubled(text: string): boolean {
  return shapes.real.test(text) || digitsOf(text) <= doubleDigits
}

/** Would the worker take this text for a value of the type? Spaces around it do not count. */
export function fitsType(text: string, type: string): boolean {
  const trimmed = text.trim()
  if (type === varchar) return true
  if (type === 'BOOLEAN') return /^(?:true|t|yes|y|1|false|f|no|n|0)$/i.test(trimmed)
  if (/^(?:SMALLINT|INTEGER|BIGINT)$/.test(type)) return /^[+-]?\d+(?:\.0+)?$/.test(trimmed)
  if (type === 'DOUBLE') return /^[+-]?(?:\d|\.\d|nan$|inf)/i.test(trimmed) && !Number.isNaN(Number(trimmed))
  if (type.startsWith('DECIMAL')) return /^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(trimmed)
  if (type === 'TIME') return /^\d{1,2}:\d{1,2}(?::\d|$)/.test(trimmed)
  return type === 'JSON' ? isJson(trimmed) : /^\d{4,6}-\d{1,2}-\d{1,2}/.test(trimmed)
}
