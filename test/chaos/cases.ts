/** What is dropped: files of many kinds, made anew from a seed, and what independent readers find in them. */
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { seededRandom } from '../../shared/memory/clock.ts'
import { csvRows } from '../story/published.ts'

/** Values as text: what DuckDB makes of each output is compared as text too. */
export type Row = (string | null)[]

export interface Drop {
  key: string
  body: Buffer
  partitionBytes?: number
  /** What its run must publish; absent: it makes no run of its own. */
  rows?: () => Row[]
}

export interface Case {
  number: number
  kind: string
  pipeline: string
  drops: Drop[]
  /** The outputs keep the order of the source. */
  ordered: boolean
}

/** `size`: so many times as large, files and partitions both. */
type Maker = (number: number, random: () => number, size: number) => Omit<Case, 'number' | 'kind'>

const recordsMax = 9000
const recordsMin = 3000

interface Sample {
  id: number
  text: string
}

/** Text that a wrong guess of where records start would trip over. */
function sample(random: () => number, records: number, first = 0): Sample[] {
  const decoys = ['\n17,decoy\n', '"', '""', ',', '\n', '\n{"id":3,"text":"x"}\n', ' ☃ 😀 ', "'"]
  return Array.from({ length: records }, (_, at) => {
    const noise = Math.floor(random() * 2 ** 50).toString(36)
    const decoy = random() < 0.3 ? decoys[Math.floor(random() * decoys.length)] : ''
    return { id: first + at, text: `${noise}${decoy}${noise.repeat(Math.floor(random() * 12))}` }
  })
}

const between = (random: () => number, least: number, most: number): number =>
  least + Math.floor(random() * (most - least + 1))
const many = (random: () => number): number => between(random, recordsMin, recordsMax)
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
const csvLine = ({ id, text }: Sample): string => `${id},${/[",\n]/.test(text) ? quoted(text) : text}\n`
const csvOf = (records: Sample[]): Buffer => Buffer.from(`id,text\n${records.map(csvLine).join('')}`)
const ndjsonOf = (records: Sample[]): Buffer =>
  Buffer.from(records.map(record => `${JSON.stringify(record)}\n`).join(''))

const rowOf = ({ id, text }: Sample): Row => [String(id), text]
const readNdjson = (body: Buffer): Row[] =>
  body
    .toString()
    .split('\n')
    .filter(line => line !== '')
    .map(line => rowOf(JSON.parse(line) as Sample))
const readGzip = (body: Buffer): Row[] => readNdjson(gunzipSync(body))
/** Records whose id is no number are the bad ones. */
const readCsv = (body: Buffer): Row[] => csvRows(body).filter(([id]) => /^\d+$/.test(id ?? ''))
const readArray = (body: Buffer): Row[] =>
  (JSON.parse(body.toString()) as { data: { items: Sample[] } }).data.items.map(rowOf)

function file(key: string, body: Buffer, partitionBytes: number, read: (body: Buffer) => Row[]): Drop {
  return { key, body, partitionBytes, rows: () => read(body) }
}

const oddNames = [
  'a b+c%2B&"\'.csv',
  'ünï ☃ 😀.csv',
  '..%2F..',
  'tab\tnew\nline',
  "q'uote;$(x).csv",
  '100%',
  '-rf *?[]',
]

const csv: Maker = (number, random, size) => ({
  pipeline: 'quoted',
  ordered: true,
  drops: [
    file(
      `quoted/${number}.csv`,
      csvOf(sample(random, size * many(random))),
      size * between(random, 60_000, 200_000),
      readCsv,
    ),
  ],
})

const odd: Maker = (number, random, size) => {
  const name = `${number}/${oddNames[Math.floor(random() * oddNames.length)]}`
  const body = csvOf(sample(random, size * recordsMin))
  return {
    pipeline: 'quoted',
    ordered: true,
    drops: [file(`quoted/${name}`, body, size * 50_000, readCsv)],
  }
}

const dirty: Maker = (number, random, size) => {
  const lines = sample(random, size * many(random)).map(csvLine)
  const bad = between(random, 1, 60)
  for (let at = 0; at < bad; at++)
    lines.splice(Math.floor(random() * lines.length), 0, `no number ${at},bad\n`)
  const body = Buffer.from(`id,text\n${lines.join('')}`)
  return {
    pipeline: 'quoted',
    ordered: true,
    drops: [file(`quoted/${number}.dirty`, body, size * 100_000, readCsv)],
  }
}

const ndjson: Maker = (number, random, size) => ({
  pipeline: 'events',
  ordered: true,
  drops: [
    file(
      `events/${number}.ndjson`,
      ndjsonOf(sample(random, size * many(random))),
      size * between(random, 80_000, 250_000),
      readNdjson,
    ),
  ],
})

const gzip: Maker = (number, random, size) => {
  const body = gzipSync(ndjsonOf(sample(random, size * many(random))))
  return {
    pipeline: 'events',
    ordered: true,
    drops: [file(`events/${number}.gz`, body, size * 90_000, readGzip)],
  }
}

const blockBytes = 16 * 1024

const blocks: Maker = (number, random, size) => {
  const plain = ndjsonOf(sample(random, size * many(random)))
  const [squeeze, open] = random() < 0.5 ? [gzipSync, gunzipSync] : [zstdCompressSync, zstdDecompressSync]
  const parts: Buffer[] = []
  for (let at = 0; at < plain.length; at += blockBytes)
    parts.push(squeeze(plain.subarray(at, at + blockBytes)))
  const read = (): Row[] => readNdjson(Buffer.concat(parts.map(part => open(part))))
  const drop = file(`events/${number}.blocks`, Buffer.concat(parts), size * 60_000, read)
  return { pipeline: 'events', ordered: true, drops: [drop] }
}

const array: Maker = (number, random, size) => {
  const body = Buffer.from(
    JSON.stringify({ made: 'today', data: { items: sample(random, size * recordsMin) } }, null, 1),
  )
  return {
    pipeline: 'array',
    ordered: true,
    drops: [file(`array/${number}.json`, body, size * 90_000, readArray)],
  }
}

const merged: Maker = (number, random, size) => ({
  pipeline: 'merged',
  ordered: true,
  drops: [file(`merged/${number}.csv`, csvOf(sample(random, size * many(random))), size * 80_000, readCsv)],
})

const days: Maker = (number, random, size) => ({
  pipeline: 'days',
  ordered: false,
  drops: [file(`days/${number}.csv`, csvOf(sample(random, size * many(random))), size * 120_000, readCsv)],
})

const program: Maker = (number, random, size) => ({
  pipeline: 'program',
  ordered: true,
  drops: [file(`program/${number}.csv`, csvOf(sample(random, size * many(random))), size * 120_000, readCsv)],
})

const small: Maker = (number, random) => ({
  pipeline: 'small',
  ordered: false,
  drops: Array.from({ length: between(random, 5, 14) }, (_, at) => {
    const body = csvOf(sample(random, between(random, 5, 120), at * 1000))
    return { key: `small/${number}-${at}.csv`, body, rows: () => readCsv(body) }
  }),
})

const manifest: Maker = (number, random) => {
  const bodies = Array.from({ length: between(random, 6, 16) }, (_, at) =>
    ndjsonOf(sample(random, between(random, 50, 600), at * 1000)),
  )
  const prefix = `listing/${number}/`
  const parts = bodies.map((body, at) => ({
    key: `${prefix}${String(at).padStart(3, '0')}`,
    body: at % 3 === 0 ? gzipSync(body) : body,
  }))
  const list = {
    key: `_manifests/packed/${number}.json`,
    body: Buffer.from(JSON.stringify({ prefix })),
    rows: () => bodies.flatMap(readNdjson),
  }
  return { pipeline: 'packed', ordered: true, drops: [...parts, list] }
}

const makers = { csv, odd, dirty, ndjson, gzip, blocks, array, merged, days, program, small, manifest }
export const kinds = Object.keys(makers) as (keyof typeof makers)[]

/** The same for the same seed and number. */
export function caseOf(seed: number, number: number, size = 1): Case {
  const kind = kinds[number % kinds.length] ?? 'csv'
  const random = seededRandom(seed * 1_000_003 + number)
  return { number, kind, ...makers[kind](number, random, size) }
}
