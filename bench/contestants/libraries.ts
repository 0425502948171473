/** What a user of Node would take instead: streams of records as JavaScript values, all of it text. */
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { combinedPattern } from '../cases.ts'
import { type Contestant, counting } from './contestant.ts'

const chunkBytes = 256 * 1024
type Encoding = 'utf16le'

function text(file: string, encoding?: Encoding): Readable {
  return createReadStream(file, { highWaterMark: chunkBytes, ...(encoding ? { encoding } : {}) })
}

function unzipped(file: string): Readable {
  return text(file).pipe(createGunzip({ chunkSize: chunkBytes }))
}

const csvParse =
  (open: (file: string) => Readable): Contestant =>
  async ({ file }) => {
    const { parse } = await import('csv-parse')
    return counting(() => counted(open(file).pipe(parse({ columns: true, bom: true }))))
  }

const papaparse =
  (open: (file: string) => Readable): Contestant =>
  async ({ file }) => {
    const { default: Papa } = await import('papaparse')
    return counting(() =>
      counted(open(file).pipe(Papa.parse(Papa.NODE_STREAM_INPUT, { header: true, skipEmptyLines: true }))),
    )
  }

async function counted(records: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const record of records) if (record) count++
  return count
}

/** @param take what becomes of each line; a line that is none of it is not counted */
const split2 =
  (take: (line: string) => unknown): Contestant =>
  async ({ file }) => {
    const { default: split } = await import('split2')
    return counting(() => counted(text(file).pipe(split(take))))
  }

const readline =
  (take: (line: string) => unknown): Contestant =>
  async ({ file }) =>
    counting(async () => {
      let count = 0
      const lines = createInterface({ input: text(file), crlfDelay: Number.POSITIVE_INFINITY })
      for await (const line of lines) if (take(line)) count++
      return count
    })

const asIs = (line: string): string => line
const json = (line: string): unknown => JSON.parse(line)
const combined = new RegExp(combinedPattern)
const matched = (line: string): unknown => combined.exec(line) ?? undefined
const sliced = (line: string): string[] =>
  [line.slice(0, 12), line.slice(12, 31), line.slice(31, 45), line.slice(45, 51), line.slice(51)].map(each =>
    each.trim(),
  )

const wholeJson: Contestant = async ({ file }) =>
  counting(async () => (JSON.parse(await readFile(file, 'utf8')) as unknown[]).length)

export const libraries: Record<string, Contestant> = {
  'csv-parse': csvParse(text),
  papaparse: papaparse(text),
  'csv-parse, utf16le': csvParse(file => text(file, 'utf16le')),
  'papaparse, utf16le': papaparse(file => text(file, 'utf16le')),
  'zlib + csv-parse': csvParse(unzipped),
  'zlib + papaparse': papaparse(unzipped),
  split2: split2(asIs),
  'split2 + JSON.parse': split2(json),
  'split2 + RegExp': split2(matched),
  'split2 + slice': split2(sliced),
  readline: readline(asIs),
  'readline + JSON.parse': readline(json),
  'readline + RegExp': readline(matched),
  'JSON.parse of the whole': wholeJson,
}
