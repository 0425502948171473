/** Three million real flights of 2001, as one CSV file. */
import { existsSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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

/** The package lies in the checkout's own node_modules; it exports no path to its data. */
function flightsParquet(): string {
  return fileURLToPath(new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url))
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
