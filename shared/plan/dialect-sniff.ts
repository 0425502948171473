/**
 * Which dialect a CSV head is in, where the pipeline leaves it open. First the delimiter, then how it is quoted.
 * The default (comma, double quotes, doubled) is taken wherever it reads the head without a fault, but where another
 * reading does so too and explains more; then it is for a person to say. Pure.
 */
import type { Column } from '../documents.ts'
import type { CsvDialect } from '../layout.ts'
import { narrowestType, varchar } from './infer.ts'
import { type CsvHead, cleanShare, type Reading, readAs } from './reading.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { dialectUnclear } from './unclear.ts'

export interface ToldDialect {
  delimiter?: string | undefined
  /** '' here and below: none. */
  quote?: string | undefined
  escape?: string | undefined
  comment?: string | undefined
}

/** What declared columns say of a reading: their names, and how many there are. */
export interface Expected {
  columns: readonly Column[]
  header: boolean | undefined
}

const delimiterDefault = ','
/** Characters that seldom stand in a value for any other reason. */
const commonDelimiters = [delimiterDefault, '\t', ';', '|', '||', '\x01', '^', '~']
/** Only where none of those will do: times and names are full of them. */
const rareDelimiters = [':', ':'.repeat(2), ' ']
/** Sound records, of all, that make a dialect likely in spite of some broken ones, which are then rejected. */
const soundShareMin = 0.8
/** Fewer records than this prove nothing against the default. */
const recordsMin = 3
/** To read on without quotes takes more: a quoted field may be yet to come. */
const unquotedRecordsMin = 10

export function dialectOf(head: CsvHead, told: ToldDialect, expected: Expected): CsvDialect | Refusal {
  const readings = delimitersIn(head, told).map(delimiter => bestOf(head, told, delimiter))
  const chosen = byDelimiter(expectedOf(readings, expected))
  return isRefusal(chosen) ? chosen : quotingOf(head, told, chosen.dialect.delimiter)
}

function delimitersIn(head: CsvHead, told: ToldDialect): string[] {
  if (told.delimiter !== undefined) return [told.delimiter]
  const taken = [told.quote, told.escape, told.comment]
  const all = [...commonDelimiters, ...rareDelimiters].filter(each => !taken.includes(each))
  return all.filter((each, at) => at === 0 || head.bytes.includes(each))
}

/** How the pipeline's own words, and the default for the rest, would read it. */
function plainly(told: ToldDialect, delimiter: string): CsvDialect {
  return dialectIn({ ...told, quote: told.quote ?? (delimiter === '"' ? "'" : '"'), delimiter })
}

function dialectIn({ delimiter = ',', quote = '', escape: by, comment }: ToldDialect): CsvDialect {
  const escaping = by && by !== quote ? { escape: by } : {}
  return { delimiter, quote, ...escaping, ...(comment ? { comment } : {}) }
}

/** Every way to quote that the head gives a reason for, the plainest first. */
function quotings(head: CsvHead, told: ToldDialect, delimiter: string): CsvDialect[] {
  const { bytes } = head
  const plain = plainly(told, delimiter)
  const quotes =
    told.quote === undefined
      ? [plain.quote, ...["'"].filter(each => bytes.includes(each)), '']
      : [plain.quote]
  const escapes = told.escape === undefined && bytes.includes('\\') ? [undefined, '\\'] : [told.escape]
  const comments = told.comment === undefined && bytes[0] === 0x23 ? [undefined, '#'] : [told.comment]
  return comments.flatMap(comment =>
    quotes.flatMap(quote => escapes.map(by => dialectIn({ delimiter, quote, escape: by, comment }))),
  )
}

function bestOf(head: CsvHead, told: ToldDialect, delimiter: string): Reading {
  const [first, ...others] = quotings(head, told, delimiter)
  let best = readAs(head, first ?? plainly(told, delimiter))
  for (const other of others) {
    if (best.perfect && best.fields > 1) return best
    const reading = readAs(head, other)
    if (reading.share > best.share || (reading.perfect && reading.fields > best.fields)) best = reading
  }
  return best
}

/** Those that the declared columns speak for, by name or else by number; all of them where they do not. */
function expectedOf(readings: Reading[], { columns, header }: Expected): Reading[] {
  if (columns.length === 0) return readings
  const names = new Set(columns.map(({ name }) => name))
  const named = (reading: Reading): number =>
    header === false ? 0 : (reading.rows[0]?.filter(cell => names.has(cell)).length ?? 0)
  const most = Math.max(...readings.map(named))
  if (most > 0) return readings.filter(reading => named(reading) === most)
  const counted = readings.filter(({ fields, share }) => fields === columns.length && share >= soundShareMin)
  return counted.length > 0 ? counted : readings
}

function isCommon({ dialect: { delimiter } }: Reading): boolean {
  return !rareDelimiters.includes(delimiter)
}

function byDelimiter(readings: Reading[]): Reading | Refusal {
  const common = readings.filter(isCommon)
  const several = readings.filter(reading => reading.fields > 1 && !isHalf(reading, readings))
  const perfect = several.filter(reading => isCommon(reading) && reading.perfect)
  const likely = several.filter(
    reading => isCommon(reading) && reading.share >= soundShareMin && reading.firstFits,
  )
  const [first] = common.length > 0 ? common : readings
  if (perfect.length > 0) return clearest(perfect)
  if (likely.length > 0) return clearest(likely)
  if (readings.length === 1 && readings[0]) return readings[0]
  const other = several.find(reading => isCommon(reading) && reading.firstFits && reading !== first)
  if (other && first) return first.fields > 1 ? first : dialectUnclear(first, other)
  return byRareDelimiter(
    first,
    several.filter(reading => reading.perfect && !isCommon(reading)),
  )
}

/** Of a delimiter that is two of the same character, the one alone gives a row of empty fields. */
function isHalf({ dialect: { delimiter } }: Reading, readings: Reading[]): boolean {
  return readings.some(
    ({ dialect, perfect, fields }) => dialect.delimiter === delimiter.repeat(2) && perfect && fields > 1,
  )
}

/** The default wins a tie, and loses to none: what reads better than a sound default is for a person to say. */
function clearest(readings: Reading[]): Reading | Refusal {
  const [best, second] = readings
    .map(reading => ({ reading, clean: cleanShare(reading) }))
    .toSorted((a, b) => b.clean - a.clean)
  if (best === undefined) throw new RangeError('there is no reading to choose from')
  const usual = readings.find(({ dialect: { delimiter } }) => delimiter === delimiterDefault)
  if (usual && usual !== best.reading && cleanShare(usual) < best.clean)
    return dialectUnclear(usual, best.reading)
  if (usual) return usual
  return second && second.clean === best.clean ? dialectUnclear(best.reading, second.reading) : best.reading
}

/** One column, or several that only a colon or a space parts? */
function byRareDelimiter(single: Reading | undefined, rare: Reading[]): Reading | Refusal {
  const [first, ...others] = rare.toSorted((a, b) => cleanShare(b) - cleanShare(a))
  if (single === undefined) throw new RangeError('there is no reading to choose from')
  if (first === undefined || first.records < 2 || isTyped(single, 0)) return single
  const typed = first.rows[0]?.some((_, at) => isTyped(first, at))
  const rival = typed && first.records >= recordsMin ? others[0] : single
  return rival && (rival === single || cleanShare(rival) === cleanShare(first))
    ? dialectUnclear(rival, first)
    : first
}

/** Is the column, but for a header, of another type than text? */
function isTyped({ rows }: Reading, column: number): boolean {
  const values = rows.slice(1).flatMap(row => row[column] || [])
  return (narrowestType(values) ?? varchar) !== varchar
}

function quotingOf(head: CsvHead, told: ToldDialect, delimiter: string): CsvDialect | Refusal {
  const [plain, ...others] = quotings(head, told, delimiter).map(each => readAs(head, each))
  if (plain === undefined || others.length === 0) return plainly(told, delimiter)
  const sound = others.filter(reading => reading.perfect && isProven(reading, plain))
  if (!plain.perfect) return sound.length === 0 ? plain.dialect : plainest(sound)
  const better = sound.find(
    reading => isOtherQuote(reading, plain) || cleanShare(reading) > cleanShare(plain),
  )
  return better ? dialectUnclear(plain, better) : plain.dialect
}

/** Of all that are sound; where one does without an escape there is none. */
function plainest(all: Reading[]): CsvDialect | Refusal {
  const unescaped = all.filter(reading => reading.dialect.escape === undefined)
  const sound = unescaped.length > 0 ? unescaped : all
  const clean = Math.max(...sound.map(cleanShare))
  const [first, ...others] = sound.filter(reading => cleanShare(reading) === clean)
  if (first === undefined) throw new RangeError('there is no reading to choose from')
  const other = others.find(({ dialect: { quote } }) => quote !== first.dialect.quote)
  return other ? dialectUnclear(first, other) : first.dialect
}

/** Where fields begin with that quote, and none is broken by it, it may well be one. */
function isOtherQuote({ dialect: { quote }, rows }: Reading, plain: Reading): boolean {
  if (quote === '' || quote === plain.dialect.quote) return false
  return JSON.stringify(rows) !== JSON.stringify(plain.rows)
}

/** A broken quote must not be explained away: without quotes, no field may as much as begin with one. */
function isProven({ dialect: { quote, comment }, rows, records, fields }: Reading, plain: Reading): boolean {
  if (fields < plain.fields && comment === plain.dialect.comment) return false
  if (quote !== '' || plain.dialect.quote === '') return true
  const quoted = rows.some(row => row.some(cell => cell.startsWith(plain.dialect.quote)))
  return !quoted && records >= unquotedRecordsMin && plain.share < soundShareMin
}
