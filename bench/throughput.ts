/** A file of about 1 GB from drop to certificate, beside bare DuckDB doing the same SELECT, turn by turn. */
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { quoted, writeFlights } from '../cli/demo/flights.ts'
import { dropOne, registered } from '../cli/drop.ts'
import { followRun } from '../cli/progress.ts'
import { startOwn } from '../cli/stage.ts'
import { epochMs, systemClock } from '../shared/clock.ts'
import { silentLog } from '../shared/log.ts'
import { RunState } from '../shared/vocabulary.ts'
import { median } from './format-tables.ts'

const copies = 10
const pairs = 3
const cores = 2
const MB = 1e6

interface Timing {
  /** From the first byte of the copy into the bucket to the certificate. */
  dropMs: number
  /** From the run's registration to the certificate. */
  runMs: number
}

export async function throughputTable(folder: string): Promise<string> {
  const csv = await manyFlights(folder, copies)
  const megabytes = statSync(csv).size / MB
  const ours: Timing[] = []
  const bare: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    bare.push(await bareDuckDb(csv, join(folder, 'bare.parquet')))
    ours.push(await endToEnd(csv, join(folder, `stack-${pair}`)))
  }
  const dropMs = median(ours.map(timing => timing.dropMs))
  const runMs = median(ours.map(timing => timing.runMs))
  const bareMs = median(bare)
  const row = (what: string, ms: number, ratio: number): string =>
    `| ${what} | ${(ms / 1000).toFixed(1)} | ${(megabytes / (ms / 1000)).toFixed(0)} | ${ratio.toFixed(2)} |`
  return [
    `${megabytes.toFixed(0)} MB, ${cores} cores, ${pairs} turns of each in alternation; medians, ratios pair by pair.`,
    '',
    '| | s | MB/s | speed relative to bare DuckDB |',
    '|---|---|---|---|',
    row(`bare DuckDB, ${cores} threads: read_csv to zstd Parquet`, bareMs, 1),
    row(
      'Millrace, run: registered to certificate',
      runMs,
      median(ours.map((t, at) => (bare[at] ?? 0) / t.runMs)),
    ),
    row(
      'Millrace, drop: copy into the bucket included',
      dropMs,
      median(ours.map((t, at) => (bare[at] ?? 0) / t.dropMs)),
    ),
  ].join('\n')
}

/** The demo's flights so many times over, as one CSV file in the folder. */
export async function manyFlights(folder: string, times: number): Promise<string> {
  const { parquet } = await writeFlights(folder)
  const csv = join(folder, 'flights-many.csv')
  const tables = Array.from({ length: times }, () => quoted(parquet)).join(', ')
  await inDuckDb(`COPY (FROM read_parquet([${tables}])) TO ${quoted(csv)} (FORMAT csv, HEADER)`)
  return csv
}

async function bareDuckDb(csv: string, out: string): Promise<number> {
  const columns = `{date: 'TIMESTAMP', delay: 'INTEGER', distance: 'INTEGER', origin: 'VARCHAR', destination: 'VARCHAR'}`
  const begin = performance.now()
  await inDuckDb(
    `COPY (SELECT date, delay, distance, origin, destination, delay > 15 AS late
      FROM read_csv(${quoted(csv)}, header=true, columns=${columns}))
      TO ${quoted(out)} (FORMAT parquet, COMPRESSION zstd)`,
  )
  return performance.now() - begin
}

async function inDuckDb(sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: String(cores) })
  const connection = await instance.connect()
  try {
    await connection.run(sql)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

async function endToEnd(csv: string, dataDir: string): Promise<Timing> {
  mkdirSync(dataDir, { recursive: true })
  const pipelinesDir = fileURLToPath(new URL('./pipelines', import.meta.url))
  const options = { stage: 'local', pipelinesDir, dataDir, json: true }
  const { world, close } = await startOwn(options, silentLog, cores)
  try {
    const begin = systemClock.now()
    const run = await followRun(world, await registered(world, await dropOne(world, csv, {})), true)
    if (run.state !== RunState.SUCCEEDED) throw new Error(`the run is ${run.state}: ${run.failure?.words}`)
    const end = epochMs(run.updatedAt)
    return { dropMs: end - begin, runMs: end - epochMs(run.createdAt) }
  } finally {
    await close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}
