/** What is done to a town, drawn from a seed: attempts are hit by number, the stack and the functions by chance. */
import { systemClock } from '../../shared/clock.ts'
import { seededRandom } from '../../shared/memory/clock.ts'
import type { Town } from './town.ts'

export const hits = ['kill', 'reclaim', 'notice', 'die', 'stack'] as const
export type Hit = (typeof hits)[number]

export interface MischiefOptions {
  seed: number
  hits: readonly Hit[]
  /** Of the attempts, by `kill`, `reclaim` and `notice` together. */
  share: number
  /** Mean time between two kills of the stack. */
  stackEveryMs: number
}

export interface Mischief {
  done: Record<Hit, number>
  stop(): Promise<void>
}

const lookEveryMs = 40
/** An attempt lives for about as long; on a busy machine longer. */
const hitWithinMs = 700
/** Two minutes in AWS; here a worker is done with its partition long before. */
const noticeMsMax = 3000
const awayMsMax = 1500
const deathsWaitingMax = 2
const deathChancePerLook = 0.02

/** Calls at which a worker's work is half done: its claim, its reading, its outputs, its last word. */
const deadly = [
  'before records.update 1',
  'after records.update 1',
  'before objects.read 3',
  'after objects.read 3',
  'after objects.read 4',
  'before objects.write 1',
  'after objects.write 1',
  'after objects.write 2',
  'before records.update 2',
  'after records.update 2',
]

export function startMischief(town: Town, options: MischiefOptions): Mischief {
  const ended = new AbortController()
  const done: Record<Hit, number> = { kill: 0, reclaim: 0, notice: 0, die: 0, stack: 0 }
  const loop = async (): Promise<void> => {
    const acts = [
      hitAttempts(town, options, done),
      plantDeaths(town, options, done),
      killStacks(town, options, done),
    ]
    while (!ended.signal.aborted) {
      for (const act of acts) await act()
      await systemClock.sleep(lookEveryMs, ended.signal)
    }
  }
  const running = loop()
  // Whoever stops it hears of it; until then it must not end the process.
  running.catch(() => ended.abort())
  return {
    done,
    stop: () => {
      ended.abort()
      return running
    },
  }
}

type Act = () => Promise<void>
type Done = Record<Hit, number>

/** Whether and when an attempt is hit does not hang on when it was first seen. */
function hitAttempts(town: Town, { seed, share, hits: allowed }: MischiefOptions, done: Done): Act {
  const choices = (['kill', 'reclaim', 'notice'] as const).filter(hit => allowed.includes(hit))
  const random = seededRandom(seed)
  const plans = new Map<string, { hit: (typeof choices)[number]; at: number } | undefined>()
  const planFor = (startedAt: number) => {
    const [drawn, which, when] = [random(), random(), random()]
    const hit = choices[Math.floor(which * choices.length)]
    return drawn < share && hit ? { hit, at: startedAt + when * hitWithinMs } : undefined
  }
  return async () => {
    if (choices.length === 0) return
    for (const { jobId, attempt, pid, startedAt } of await town.running()) {
      const id = `${jobId} ${attempt}`
      if (!plans.has(id)) plans.set(id, planFor(startedAt))
      const plan = plans.get(id)
      if (plan === undefined || systemClock.now() < plan.at) continue
      plans.set(id, undefined)
      const noticeMs = plan.hit === 'notice' ? Math.ceil(random() * noticeMsMax) : 0
      const hit = plan.hit === 'kill' ? killed(pid) : await reclaimed(town, jobId, noticeMs)
      if (hit) done[plan.hit]++
    }
  }
}

function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

async function reclaimed(town: Town, jobId: string, noticeMs: number): Promise<boolean> {
  return ((await town.post('/local/reclaim', { jobId, noticeMs })) as { reclaimed: boolean }).reclaimed
}

/** Some attempts are told to kill themselves at a certain call. How many did is in their logs. */
function plantDeaths(town: Town, { seed, hits: allowed }: MischiefOptions, done: Done): Act {
  const random = seededRandom(seed + 1)
  let waiting = 0
  return async () => {
    if (!allowed.includes('die') || random() >= deathChancePerLook) return
    if ((await town.running()).length > 0) waiting = 0
    if (waiting >= deathsWaitingMax) return
    waiting++
    done.die++
    const fault = `die ${deadly[Math.floor(random() * deadly.length)]}`
    const environment = { MILLRACE_LOCAL_FAULT: fault }
    await town.post('/local/interfere', { jobNamePattern: '*', environment, once: true })
  }
}

function killStacks(town: Town, { seed, hits: allowed, stackEveryMs }: MischiefOptions, done: Done): Act {
  const random = seededRandom(seed + 2)
  const drawn = (): number => systemClock.now() + stackEveryMs * (0.3 + 1.4 * random())
  let dueAt = drawn()
  return async () => {
    if (!allowed.includes('stack') || systemClock.now() < dueAt) return
    done.stack++
    await town.killStack(random() * awayMsMax)
    dueAt = drawn()
  }
}
