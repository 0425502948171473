/** `npm run bench`: what is measured, in one go, as text for bench/RESULTS.md. */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { isoTime, systemClock } from '../shared/clock.ts'
import { planningTable } from './planning.ts'
import { throughputTable } from './throughput.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
try {
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? 'an unknown processor'}`
  process.stdout.write(
    `${isoTime(systemClock.now()).slice(0, 10)}, Node ${process.versions.node}, ${machine}\n\n`,
  )
  process.stdout.write(`## Planning\n\n${await planningTable()}\n\n`)
  process.stdout.write(`## A 1 GB CSV file, end to end\n\n${await throughputTable(folder)}\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
