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
    return formatTables(results)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
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

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      megabytes: { type: 'string', default: '100' },
      turns: { type: 'string', default: '3' },
      only: { type: 'string' },
    },
  })
  const { megabytes, turns, only } = values
  const report = await formatsReport({ megabytes: Number(megabytes), turns: Number(turns), only })
  process.stdout.write(`${report}\n`)
}
