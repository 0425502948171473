/** What is done to a town, drawn from a seed: attempts are hit by number, the stack and the functions by chance. */
import { systemClock } from '../../shared/clock.ts'
import { seededRandom } from '../../shared/memory/clock.ts'
import { doubled } from './double.ts'
import type { Town } from './town.ts'

export const hits = ['kill', 'reclaim', 'notice', 'double', 'die', 'stack'] as const
export type Hit = (typeof hits)[number]

export interface MischiefOptions {
  seed: number
  hits: readonly Hit[]
  /** Of the attempts, by `kill`, `reclaim`, `notice` and `double` together. */
  share: number
  /** Two minutes in AWS; here a worker is done with its partition long before. */
  noticeMsMax: number
  /** Mean time between two kills of the stack. */
  stackEveryMs: number
}

export interface Mischief {
  done: Record<Hit, number>
  stop(): Promise<void>
}

const lookEveryMs = 40
/** An attempt lives for about as long, until it is known better. */
const lifeMsFirst = 700
/** Of so many attempts, the newest counting most, the mean is kept. */
const lifeMemory = 20
/** At most: long enough for another to have done the same work. */
const frozenMsMax = 1500
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
  const done: Record<Hit, number> = { kill: 0, reclaim: 0, notice: 0, double: 0, die: 0, stack: 0 }
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

interface Plan {
  hit: 'kill' | 'reclaim' | 'notice' | 'double' | undefined
  /** When in its life, 1 being the end of a usual one. */
  when: number
  startedAt: number
}

/** Each attempt draws whether and when it is hit when it is first seen. */
function hitAttempts(town: Town, options: MischiefOptions, done: Done): Act {
  const choices = (['kill', 'reclaim', 'notice', 'double'] as const).filter(hit => options.hits.includes(hit))
  const random = seededRandom(options.seed)
  const plans = new Map<string, Plan>()
  let lifeMs = lifeMsFirst
  const planFor = (startedAt: number): Plan => {
    const [drawn, which, when] = [random(), random(), random()]
    const hit = drawn < options.share ? choices[Math.floor(which * choices.length)] : undefined
    return { hit, when, startedAt }
  }
  const forget = (id: string, { startedAt }: Plan): void => {
    plans.delete(id)
    lifeMs += (systemClock.now() - startedAt - lifeMs) / lifeMemory
  }
  return async () => {
    if (choices.length === 0) return
    const running = await town.running()
    const ids = new Set(running.map(({ jobId, attempt }) => `${jobId} ${attempt}`))
    for (const [id, plan] of plans) if (!ids.has(id)) forget(id, plan)
    for (const { jobId, attempt, pid, startedAt } of running) {
      const id = `${jobId} ${attempt}`
      const plan = plans.get(id) ?? planFor(startedAt)
      plans.set(id, plan)
      const { hit } = plan
      if (hit === undefined || systemClock.now() < startedAt + plan.when * lifeMs) continue
      plan.hit = undefined
      const noticeMs = hit === 'notice' ? Math.ceil((0.5 + random() / 2) * options.noticeMsMax) : 0
      if (await hitWith(hit, town, { jobId, pid, noticeMs, frozenMs: random() * frozenMsMax })) done[hit]++
    }
  }
}

interface Hitting {
  jobId: string
  pid: number
  noticeMs: number
  frozenMs: number
}

async function hitWith(
  hit: NonNullable<Plan['hit']>,
  town: Town,
  { jobId, pid, noticeMs, frozenMs }: Hitting,
): Promise<boolean> {
  if (hit === 'kill') return killed(pid)
  if (hit === 'double') return doubled(pid, town.dataDir, frozenMs)
  return reclaimed(town, jobId, noticeMs)
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
