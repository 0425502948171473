/**
 * How fast each format is split and parsed, beside bare DuckDB and the libraries that a user of Node would take: the
 * same file, one thread, turn by turn. `node bench/formats.ts [--megabytes 100] [--turns 3] [--only <words of titles>]`
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { type FormatCase, formatCases } from './cases.ts'
import type { Measured } from './contestants/contestant.ts'
import { contestantsOf } from './contestants/contestants.ts'
import { formatTables } from './format-tables.ts'
import { writeInputs } from './inputs.ts'

/** Some inputs are made, and read by libraries, as one string. */
const megabytesMax = 250
const contestantMsMax = 10 * 60_000
const main = join(import.meta.dirname, 'contestants', 'main.ts')

export interface FormatsOptions {
  /** Of CSV, about; the other files have the same records. */
  megabytes: number
  turns: number
  /** Only cases with this in their title. */
  only?: string | undefined
}

/** What the contestants of a case took, turn by turn. */
export interface FormatResult {
  title: string
  /** Of the file. */
  bytes: number
  /** Decompressed, where it is compressed. */
  contentBytes?: number
  turns: Map<string, Measured[]>
}

/** The tables as text. Errors: those of a contestant; contestants that found different numbers of records. */
export async function formatsReport(options: FormatsOptions): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-formats-'))
  try {
    await writeInputs(folder, options.megabytes)
    const results: FormatResult[] = []
    for (const format of formatCases) {
      if (!format.title.includes(options.only ?? '')) continue
      results.push(await measured(format, folder, options.turns))
    }
    return `${method(options)}\n\n${formatTables(results)}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function method({ turns }: FormatsOptions): string {
  return [
    `${turns} turns of each in alternation, every contestant in a process of its own that has loaded its libraries;`,
    'medians, ratios turn by turn; MB are of the file as it lies in the bucket. All have found the same records.',
    'DuckDB and Millrace end in a table of typed columns, with one thread of DuckDB; opening DuckDB is in their time.',
    'Millrace holds every value against its text and proves what it read; its partitions, where a file is cut, are',
    'worked one after the other here. The libraries hand out one object a record, its values as text (of JSON: as',
    'values), and keep none.',
  ].join(' ')
}

async function measured(format: FormatCase, folder: string, turns: number): Promise<FormatResult> {
  const names = contestantsOf(format)
  const all = new Map(names.map(name => [name, [] as Measured[]]))
  for (let turn = 0; turn < turns; turn++) {
    for (const name of names) all.get(name)?.push(await inItsProcess(format.title, name, folder))
  }
  const bytesOf = (file: string): number => statSync(join(folder, file)).size
  const { title, file, content } = format
  return {
    title,
    bytes: bytesOf(file),
    ...(content === undefined ? {} : { contentBytes: bytesOf(content) }),
    turns: all,
  }
}

export async function inItsProcess(title: string, name: string, folder: string): Promise<Measured> {
  const options = { timeout: contestantMsMax }
  const { stdout } = await promisify(execFile)(process.execPath, [main, title, name, folder], options)
  return JSON.parse(stdout) as Measured
}

/** Of the command line. Errors: a number that is none. */
export function formatsOptions(args = process.argv.slice(2)): FormatsOptions {
  const { values } = parseArgs({
    args,
    options: {
      megabytes: { type: 'string', default: '100' },
      turns: { type: 'string', default: '3' },
      only: { type: 'string' },
    },
  })
  const [megabytes, turns] = [Number(values.megabytes), Number(values.turns)]
  if (!(megabytes > 0 && megabytes <= megabytesMax)) {
    throw new RangeError(`--megabytes is a number up to ${megabytesMax}`)
  }
  if (!Number.isInteger(turns) || turns < 1) throw new RangeError('--turns is 1 or more')
  return { megabytes, turns, only: values.only }
}

if (import.meta.main) process.stdout.write(`${await formatsReport(formatsOptions())}\n`)
