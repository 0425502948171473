/**
 * What is read more than once where real worker processes are reclaimed in the middle of their reading, on a stack of
 * this machine. `node bench/reclaims-local.ts [--copies 3] [--turns 3]`: copies of the demo's flights, 106 MB each
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dropOne, registered } from '../cli/drop.ts'
import { followRun } from '../cli/progress.ts'
import { startOwn } from '../cli/stage.ts'
import { verdictOn } from '../cli/verify.ts'
import type { BatchServer } from '../local/batch/server.ts'
import { systemClock } from '../shared/clock.ts'
import { silentLog } from '../shared/log.ts'
import { seededRandom } from '../shared/memory/clock.ts'
import { RunState } from '../shared/vocabulary.ts'
import { median } from './format-tables.ts'
import type { Reclaim } from './reclaims.ts'
import { manyFlights } from './throughput.ts'

const cores = 2
const partitionBytes = 16 * 1024 ** 2
const reclaimedShare = 0.3
const lookEveryMs = 5
/** The two minutes are left out: SIGTERM comes at once, and SIGKILL 10 s after it. */
const noticeMs = 1
const pipelinesDir = join(import.meta.dirname, 'pipelines')

export interface LocalReclaims {
  sourceBytes: number
  /** As the attempts themselves have logged. */
  bytesRead: number
  /** Of attempts that could not say what they had read: the whole of their partitions, which is too much. */
  bytesUnsaid: number
  /** That claimed their partition. */
  attempts: number
  reclaimed: number
  /** Of those, that left a rest to others. */
  leftOff: number
  /** Of each reading. */
  readMs: number[]
}

/** One run. @param readMs how long a reading takes, about. Errors: one that fails, or whose certificate does not hold. */
async function localReclaims(
  csv: string,
  how: Reclaim,
  seed: number,
  readMs: number,
): Promise<LocalReclaims> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-reclaims-'))
  const options = { stage: 'local', pipelinesDir, dataDir, json: true }
  const { world, stack, close } = await startOwn(options, silentLog, cores)
  const hits = startHits(stack.batch, join(dataDir, 'logs'), { how, readMs, random: seededRandom(seed) })
  try {
    const dropped = await dropOne(world, csv, { partitionBytes })
    const run = await followRun(world, await registered(world, dropped), true)
    if (run.state !== RunState.SUCCEEDED) throw new Error(`the run is ${run.state}: ${run.failure?.words}`)
    const verdict = await verdictOn(world, run, false, () => {})
    if (!verdict.matches) throw new Error(`the certificate does not hold: ${JSON.stringify(verdict.faults)}`)
    const reclaimed = await hits.stop()
    return { sourceBytes: statSync(csv).size, reclaimed, ...loggedIn(join(dataDir, 'logs')) }
  } finally {
    await hits.stop()
    await close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

interface Hitting {
  how: Reclaim
  readMs: number
  random: () => number
}

/** Three in ten attempts are reclaimed at a random moment of their reading, which begins with their claim. */
function startHits(batch: BatchServer, logsDir: string, { how, readMs, random }: Hitting) {
  const over = new AbortController()
  /** Epoch ms at which an attempt is hit; `undefined`: not until it has claimed. */
  const hitAt = new Map<string, number | undefined>()
  let reclaimed = 0
  const look = async (jobId: string, attempt: number): Promise<void> => {
    const log = join(logsDir, jobId.replace(':', '_'), `${attempt}.log`)
    if (!hitAt.has(log)) hitAt.set(log, how !== 'nobody' && random() < reclaimedShare ? undefined : Infinity)
    const claimed = hitAt.get(log) === undefined && linesOf(log).some(({ message }) => message === 'claimed')
    if (claimed) hitAt.set(log, systemClock.now() + random() * readMs)
    if ((hitAt.get(log) ?? Infinity) > systemClock.now()) return
    hitAt.set(log, Infinity)
    if (await batch.reclaim(jobId, { noticeMs: how === 'without' ? 0 : noticeMs })) reclaimed += 1
  }
  const looking = (async () => {
    while (!over.signal.aborted) {
      for (const { jobId, attempt } of batch.jobs()) await look(jobId, attempt)
      await systemClock.sleep(lookEveryMs, over.signal)
    }
  })()
  const stop = async (): Promise<number> => {
    over.abort()
    await looking
    return reclaimed
  }
  return { stop }
}

interface Line {
  message?: string
  bytesRead?: number
  start?: number
  end?: number
  rest?: object
  ms?: number
}

/** The last line may be half written. */
function linesOf(log: string): Line[] {
  const text = readFileSync(log, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return whole.filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Line)
}

function loggedIn(logsDir: string): Omit<LocalReclaims, 'sourceBytes' | 'reclaimed'> {
  const files = readdirSync(logsDir, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.log'),
  )
  const attempts = files
    .map(name => linesOf(join(logsDir, name)))
    .filter(lines => lines.some(({ message }) => message === 'claimed'))
  const reads = attempts.map(lines => lines.filter(({ message }) => message === 'read'))
  const silent = attempts.filter((_, at) => reads[at]?.length === 0)
  const unsaid = silent.flatMap(lines => lines.filter(({ message }) => message === 'claimed'))
  return {
    attempts: attempts.length,
    bytesRead: total(reads.flat(), ({ bytesRead = 0 }) => bytesRead),
    bytesUnsaid: total(unsaid, ({ start = 0, end = 0 }) => end - start),
    leftOff: reads.flat().filter(({ rest }) => rest !== undefined).length,
    readMs: reads.flat().map(({ ms = 0 }) => ms),
  }
}

function total<One>(all: readonly One[], of: (one: One) => number): number {
  return all.reduce((sum, one) => sum + of(one), 0)
}

const kinds = ['nobody', 'with notice', 'without'] as const

/** Turn by turn; the first one, in which nobody is reclaimed, says how long a reading takes. */
export async function localReclaimsTable(copies: number, turns: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-flights-'))
  try {
    const csv = await manyFlights(folder, copies)
    const all = new Map<Reclaim, LocalReclaims[]>(kinds.map(how => [how, []]))
    let readMs = 0
    for (let turn = 0; turn < turns; turn++) {
      for (const how of kinds) {
        const one = await localReclaims(csv, how, turn + 1, readMs)
        if (how === 'nobody') readMs = median(one.readMs)
        all.get(how)?.push(one)
      }
    }
    return [
      '| reclaimed | attempts | of them reclaimed | left a rest | MB of the sources | MB read | MB of attempts that could not say | read more than once, at most |',
      '|---|---|---|---|---|---|---|---|',
      ...kinds.map(how => row(how, all.get(how) ?? [])),
    ].join('\n')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function row(how: Reclaim, runs: readonly LocalReclaims[]): string {
  const sum = (of: (one: LocalReclaims) => number): number => total(runs, of)
  const [attempts, reclaimed] = [sum(one => one.attempts), sum(one => one.reclaimed)]
  const bytes = [sum(one => one.sourceBytes), sum(one => one.bytesRead), sum(one => one.bytesUnsaid)] as const
  const repeated = (bytes[1] + bytes[2] - bytes[0]) / bytes[0]
  const share = `${reclaimed} (${((100 * reclaimed) / attempts).toFixed(0)} %)`
  const megabytes = bytes.map(each => (each / 1e6).toFixed(1))
  return `| ${[how, attempts, share, sum(one => one.leftOff), ...megabytes, `${(100 * repeated).toFixed(2)} %`].join(' | ')} |`
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { copies: { type: 'string', default: '3' }, turns: { type: 'string', default: '3' } },
  })
  process.stdout.write(`${await localReclaimsTable(Number(values.copies), Number(values.turns))}\n`)
}
