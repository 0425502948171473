/** `npm run chaos`: real processes under kill -9 and reclaims; every run must end, and be what was dropped. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../../shared/clock.ts'
import { type ChaosOptions, chaos, type Outcome } from './chaos.ts'
import { type Hit, hits } from './mischief.ts'

const help = `npm run chaos -- [options]
  --runs <n>       cases to drop; a burst of small files is one (200)
  --seed <n>       of what is dropped and what is done to it (1)
  --minutes <n>    of mischief, at most (20)
  --at-once <n>    cases under way together (8)
  --cores <n>      workers side by side (3)
  --size <n>       so many times as large are files and partitions, of some 150 KB else (1)
  --slow <bytes>   per second of each read of each worker (as fast as it goes)
  --notice <s>     of a reclaim with notice, at most (3)
  --share <0..1>   of the attempts that are hit by kill, reclaim, notice or double (0.3)
  --hits <list>    of ${hits.join(',')}, and function (all)
  --stack-every <s> mean seconds between two kills of the stack (12)
  --keep           keep the folder; it is always kept where something is wrong
The same seed drops the same files and draws the same mischief; what meets what depends on the machine's own pace.
`

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '20' },
    'at-once': { type: 'string', default: '8' },
    cores: { type: 'string', default: '3' },
    size: { type: 'string', default: '1' },
    slow: { type: 'string' },
    notice: { type: 'string', default: '3' },
    share: { type: 'string', default: '0.3' },
    hits: { type: 'string', default: [...hits, 'function'].join(',') },
    'stack-every': { type: 'string', default: '12' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

/** At each side of each call of a port; a settle makes some dozens. */
const deathChance = 0.002

function optionsIn(dir: string): ChaosOptions {
  const chosen = values.hits.split(',')
  const began = systemClock.now()
  return {
    dir,
    runs: Number(values.runs),
    seed: Number(values.seed),
    msMax: Number(values.minutes) * 60_000,
    atOnce: Number(values['at-once']),
    cores: Number(values.cores),
    size: Number(values.size),
    bytesPerSecond: values.slow === undefined ? undefined : Number(values.slow),
    noticeMsMax: Number(values.notice) * 1000,
    share: Number(values.share),
    hits: hits.filter(hit => chosen.includes(hit)),
    stackEveryMs: Number(values['stack-every']) * 1000,
    deathChance: chosen.includes('function') ? deathChance : 0,
    tell: line => process.stderr.write(`${((systemClock.now() - began) / 1000).toFixed(0)} s: ${line}\n`),
  }
}

const share = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`

function words({ figures, done, ...outcome }: Outcome, seconds: number): string {
  const { partitions, attempts, bytesRead, bytesRepeated, bytesRepeatedMost } = figures
  const taken = (Object.keys(done) as Hit[]).filter(hit => hit !== 'die').map(hit => `${hit} ${done[hit]}`)
  return [
    `seed ${values.seed}: ${outcome.cases} cases, ${outcome.runs} runs in ${seconds.toFixed(0)} s`,
    `mischief: ${taken.join(', ')}, died at a call ${figures.died}, functions died ${figures.functionsDied}`,
    `attempts: ${attempts} for ${partitions} partitions (${(attempts / Math.max(1, partitions)).toFixed(2)} each)`,
    `bytes: ${bytesRead} read, ${share(bytesRepeated, bytesRead)} repeated, at most ${share(bytesRepeatedMost, bytesRead)}`,
    `setbacks: ${JSON.stringify(figures.failures)}`,
    `peace: the last run ended after ${(outcome.calmMs / 1000).toFixed(1)} s; retried ${outcome.retried.length}; redriven ${JSON.stringify(outcome.redriven)}`,
    ...outcome.retried.map(run => `  retried ${run}`),
    ...outcome.faults.map(fault => `FAULT ${fault}`),
    outcome.faults.length === 0 ? 'verdict: all is well' : `verdict: ${outcome.faults.length} faults`,
    '',
  ].join('\n')
}

async function main(): Promise<number> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-chaos-'))
  const began = systemClock.now()
  let faults = 1
  try {
    const outcome = await chaos(optionsIn(dir))
    faults = outcome.faults.length
    const said = words(outcome, (systemClock.now() - began) / 1000)
    process.stdout.write(said)
    writeFileSync(path.join(dir, 'outcome.txt'), said)
    return faults === 0 ? 0 : 1
  } finally {
    if (faults === 0 && !values.keep) rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
    else process.stdout.write(`kept: ${dir}\nreplay: npm run chaos -- ${process.argv.slice(2).join(' ')}\n`)
  }
}

if (values.help) process.stdout.write(help)
else process.exitCode = await main()
