/** Three million real flights of 2001, as one CSV file. */
import { existsSync, renameSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

export interface Flights {
  csv: string
  parquet: string
  records: number
  bytes: number
}

/** `csv` appears whole or not at all; one that is there is taken as it is. */
export async function writeFlights(folder: string): Promise<Flights> {
  const parquet = flightsParquet()
  const csv = join(folder, 'flights.csv')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    if (!existsSync(csv)) {
      await connection.run(
        `COPY (FROM read_parquet(${quoted(parquet)})) TO ${quoted(`${csv}.new`)} (FORMAT csv, HEADER)`,
      )
      renameSync(`${csv}.new`, csv)
    }
    const counted = await connection.runAndReadAll(
      `SELECT count(*)::INTEGER FROM read_parquet(${quoted(parquet)})`,
    )
    return { csv, parquet, records: Number(counted.getRows()[0]?.[0]), bytes: statSync(csv).size }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

function flightsParquet(): string {
  const require = createRequire(import.meta.url)
  return join(dirname(require.resolve('vega-datasets/package.json')), 'data', 'flights-3m.parquet')
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
