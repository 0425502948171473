/** One question, asked of what was published and of the original. */
import { DuckDBInstance } from '@duckdb/node-api'
import { tableText } from '../words.ts'
import { quoted } from './flights.ts'

const question = (table: string): string => `
SELECT origin, count(*) AS flights, sum(delay) AS delay, sum(distance) AS distance, max(date) AS latest
FROM ${table}
GROUP BY origin ORDER BY flights DESC, origin LIMIT 5`

const total = (table: string): string => `
SELECT 'all', count(*), sum(delay), sum(distance), max(date) FROM ${table}`

export interface Answers {
  equal: boolean
  text: string
}

export async function compareAnswers(outputs: string[], original: string): Promise<Answers> {
  const published = await answer(`read_parquet([${outputs.map(quoted).join(', ')}])`)
  const wanted = await answer(`read_parquet(${quoted(original)})`)
  const header = ['ORIGIN', 'FLIGHTS', 'DELAY (MIN)', 'DISTANCE (MI)', 'LATEST']
  const rows = published.map((row, at) => [...row, ...(wanted[at] ?? []).slice(1)])
  const equal = JSON.stringify(published) === JSON.stringify(wanted)
  const title = equal ? 'the same, published | original:' : 'NOT the same, published | original:'
  return { equal, text: `${title}\n${tableText([[...header, ...header.slice(1)], ...rows])}` }
}

async function answer(table: string): Promise<string[][]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const top = await connection.runAndReadAll(question(table))
    const all = await connection.runAndReadAll(total(table))
    return [...all.getRowsJson(), ...top.getRowsJson()].map(row => row.map(String))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
