/** `npm run bench [-- --megabytes 100 --turns 3]`: what is measured, in one go, as text for bench/RESULTS.md. */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { isoTime, systemClock } from '../shared/clock.ts'
import { bundlesTable } from './bundles.ts'
import { formatsOptions, formatsReport } from './formats.ts'
import { manyPartitionsTables } from './many-partitions.ts'
import { planningTable } from './planning.ts'
import { planningFormatsTables } from './planning-formats.ts'
import { reclaimsTable } from './reclaims.ts'
import { localReclaimsTable } from './reclaims-local.ts'
import { settleTable } from './settle-alone.ts'
import { throughputTable } from './throughput.ts'

const simulatedRuns = 1_000
const localCopies = 3
const localTurns = 2

const options = formatsOptions()
const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
try {
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? 'an unknown processor'}`
  say(`${isoTime(systemClock.now()).slice(0, 10)}, Node ${process.versions.node}, ${machine}`)
  say(`## Loading a function, and the worker\n\n${await bundlesTable()}`)
  say(`## Planning\n\n${await planningTable()}`)
  say(`## Planning an object of 10 TB\n\n${await planningFormatsTables()}`)
  say(`## A run, for each of its partitions\n\n${await manyPartitionsTables()}`)
  say(`## Settling a round, alone\n\n${await settleTable()}`)
  say(`## What reclaims repeat: simulated\n\n${await reclaimsTable(simulatedRuns)}`)
  say(`## What reclaims repeat: real workers\n\n${await localReclaimsTable(localCopies, localTurns)}`)
  say(`## Each format, one thread\n\n${await formatsReport(options)}`)
  say(`## A 1 GB CSV file, end to end\n\n${await throughputTable(folder)}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function say(words: string): void {
  process.stdout.write(`${words}\n\n`)
}
