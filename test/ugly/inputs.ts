/** The folder of ugly inputs: drop a file into inputs/<format>/, and every test here reads it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Pipeline, parsePipeline } from '../../shared/pipeline.ts'

const folder = fileURLToPath(new URL('inputs', import.meta.url))

/** What settings.json may say of a file beside `source`'s own settings. */
export interface Expectation {
  /** It must be refused with this code. */
  refused?: string
  /** How many records of it are rejected, by the rules and not by a reader. */
  rejected?: number
  /** It is bad beyond single records: its partitions must say so, whatever the cuts. */
  bad?: boolean
  /** What sniffing must find. */
  delimiterFound?: string
  /** Another file with the very same text, which the serial reader can read. */
  sameAs?: string
}

export interface UglyInput {
  name: string
  content: Buffer
  pipeline: Pipeline
  expectation: Expectation
}

const settings = JSON.parse(readFileSync(new URL('settings.json', import.meta.url), 'utf8')) as Record<
  string,
  Expectation & Record<string, unknown>
>

export function uglyInputs(): UglyInput[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry =>
    entry.isFile(),
  )
  return entries
    .map(({ parentPath, name }) => `${parentPath.slice(folder.length + 1)}/${name}`)
    .toSorted()
    .map(name => inputOf(name, contentOf(name), settings[name] ?? {}))
}

export function contentOf(name: string): Buffer {
  return readFileSync(join(folder, name))
}

/** `name`: its first folder is its format; files of `compressed` say it by their extension. */
export function inputOf(
  name: string,
  content: Buffer,
  { refused, rejected, bad, delimiterFound, sameAs, ...source }: Expectation & Record<string, unknown> = {},
): UglyInput {
  const said = Object.entries({ refused, rejected, bad, delimiterFound, sameAs })
  const expectation: Expectation = Object.fromEntries(said.filter(([, value]) => value !== undefined))
  return { name, content, pipeline: pipelineOf(name, source), expectation }
}

function pipelineOf(name: string, source: Record<string, unknown>): Pipeline {
  const [folderName = ''] = name.split('/')
  const format = folderName === 'compressed' ? /\.(csv|ndjson|txt)/.exec(name)?.[1] : folderName
  return parsePipeline(
    {
      name: 'ugly',
      source: { prefix: 'in/', format, ...source },
      work: { sql: 'SELECT * FROM input' },
      output: { prefix: 'out/' },
      tolerate: { rejectedRecords: 1_000_000 },
    },
    name,
  )
}
