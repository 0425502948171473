/** Bare DuckDB, one thread, on the whole file: its own readers, their columns told. */
import { DuckDBInstance } from '@duckdb/node-api'
import { literal } from '../../worker/duckdb/text.ts'
import { type Contestant, counting } from './contestant.ts'

export const duckdb: Contestant = async ({ format, file }) =>
  counting(async () => {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    const connection = await instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    const select = (format.duckdb ?? '').replace('$file', () => literal(file))
    await connection.run(`CREATE TABLE loaded AS ${select}`)
    const [[count] = []] = (await connection.runAndReadAll('SELECT count(*) FROM loaded')).getRows()
    connection.closeSync()
    instance.closeSync()
    return Number(count)
  })
