/** A real stack that may be taken away and brought back, and who works in it. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { RunningJob } from '../../local/batch/operations.ts'
import { identityOf } from '../../local/batch/process.ts'
import { openDelivery } from '../../local/events/delivery.ts'
import { loadPipelines } from '../../local/pipelines.ts'
import { eventQueue } from '../../local/serverless/wiring.ts'
import { type LocalWorld, openLocalWorld } from '../../local/world.ts'
import { systemClock } from '../../shared/clock.ts'
import { localConfig } from '../../shared/config.ts'
import { type Up, up } from '../story/command.ts'

export interface Town {
  dataDir: string
  /** Ours, beside the stack: to drop and to look. */
  world: LocalWorld
  stack(): Up
  /** Takes the stack away at once, and brings it back `afterMs` later. */
  killStack(afterMs: number): Promise<void>
  /** From now on no function dies of itself. */
  calmDown(): Promise<void>
  running(): Promise<RunningJob[]>
  post(path: string, body: object): Promise<unknown>
  /** As its schedule does, but sooner. */
  reconcile(): void
  /** Brings what was given up back to where it came from. Answers how many messages of each queue. */
  redrive(): Record<string, number>
  close(): Promise<void>
}

const pipelinesDir = path.join(import.meta.dirname, 'pipelines')

export interface TownOptions {
  dir: string
  cores: number
  seed: number
  /** That an invocation of a function dies at one side of one call of a port. */
  deathChance: number
}

export async function openTown({ dir, cores, seed, deathChance }: TownOptions): Promise<Town> {
  const dataDir = path.join(dir, 'data')
  const config = localConfig(dataDir, pipelinesDir)
  const quiet = { dataDir, pipelinesDir, upWords: ['--cores', String(cores)], env: { TMPDIR: dir } }
  let starts = 0
  const start = (chance: number): Promise<Up> => {
    starts++
    const deaths = { MILLRACE_LOCAL_DEATHS: `${chance.toFixed(6)} ${seed + starts}` }
    return up(chance > 0 ? { ...quiet, env: { ...quiet.env, ...deaths } } : quiet)
  }
  let chance = deathChance
  let stack = await start(chance)
  const world = await openLocalWorld(config, { pipelines: await loadPipelines(pipelinesDir) })
  const delivery = openDelivery(config, systemClock)

  const post = async (where: string, body: object): Promise<unknown> => {
    const response = await fetch(`${stack.facts.batch}${where}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    return response.json()
  }
  const again = async (afterMs: number): Promise<void> => {
    await stack.kill()
    await systemClock.sleep(afterMs)
    stack = await start(chance)
  }
  return {
    dataDir,
    world,
    stack: () => stack,
    killStack: again,
    calmDown: () => {
      chance = 0
      return again(0)
    },
    running: async () => ((await post('/local/running', {})) as { attempts: RunningJob[] }).attempts,
    post,
    reconcile: () => delivery.queues.send([{ queue: eventQueue('reconcile'), body: '{}' }]),
    redrive: () => redrive(delivery),
    close: async () => {
      delivery.close()
      world.close()
      await stack.stop()
    },
  }
}

const givenUpMax = 1000
const hiddenMs = 60_000

function redrive({ wiring, queues }: ReturnType<typeof openDelivery>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of new Set(wiring.queues.flatMap(({ redrive: rule }) => rule?.deadLetterQueue ?? []))) {
    const messages = queues.receive(name, givenUpMax, hiddenMs)
    for (const { receipt, body, deadLetterOf } of messages) {
      queues.exchange(receipt, { queue: deadLetterOf ?? name, body })
    }
    if (messages.length > 0) counts[name] = messages.length
  }
  return counts
}

/** Workers of this data folder, and what they started, that are alive. Linux only: elsewhere none are seen. */
export function livingWorkers(dataDir: string): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => isWorkerOf(pid, dataDir) && identityOf(pid) !== undefined)
}

function isWorkerOf(pid: number, dataDir: string): boolean {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return variables.some(variable => variable.startsWith(`TMPDIR=${dataDir}/scratch/`))
  } catch {
    // Gone while we looked, or somebody else's.
    return false
  }
}
