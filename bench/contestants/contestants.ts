/** Who takes part in which case, and how one of them is measured. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { peakRssMiB } from '../../worker/peak.ts'
import { type FormatCase, formatCases } from '../cases.ts'
import type { Contestant, Measured } from './contestant.ts'

export const duckdbName = 'bare DuckDB: into a table of the same types'
export const findName = 'Millrace: find the records, and which of them are sound'
export const parseName = 'Millrace: split + parse into typed columns'
export const workName = 'Millrace: split + parse + Parquet, as a worker does'
export const splitName = 'Millrace: the split stage, before the work'

/** In the order of the tables. */
export function contestantsOf({ source, serial, duckdb, libraries }: FormatCase): string[] {
  return [
    ...(source.format === 'parquet' ? [] : [findName]),
    parseName,
    workName,
    ...(serial ? [splitName] : []),
    ...(duckdb === undefined ? [] : [duckdbName]),
    ...libraries,
  ]
}

/** @param folder of the inputs. Errors: those of the contestant */
export async function measure(title: string, name: string, folder: string): Promise<Measured> {
  const format = formatCases.find(each => each.title === title)
  if (format === undefined) throw new Error(`There is no case ${title}`)
  const contestant = await contestantOf(name)
  const scratch = mkdtempSync(join(folder, 'contestant-'))
  try {
    const { run, records } = await contestant({ format, file: join(folder, format.file), scratch })
    const cpu = process.cpuUsage()
    const began = performance.now()
    await run()
    const ms = performance.now() - began
    const { user, system } = process.cpuUsage(cpu)
    const peak = peakRssMiB()
    return { ms, cpuMs: (user + system) / 1000, records: await records(), peakRssMiB: peak }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Loads what that one needs and nothing else. */
async function contestantOf(name: string): Promise<Contestant> {
  if (name === duckdbName) return (await import('./duckdb.ts')).duckdb
  const contestant = name.startsWith('Millrace')
    ? await ours(name)
    : (await import('./libraries.ts')).libraries[name]
  if (contestant === undefined) throw new Error(`There is no contestant ${name}`)
  return contestant
}

async function ours(name: string): Promise<Contestant | undefined> {
  const { finding, parsing, splitting, working } = await import('./millrace.ts')
  const all: Record<string, Contestant> = {
    [findName]: finding,
    [parseName]: parsing,
    [workName]: working,
    [splitName]: splitting,
  }
  return all[name]
}
