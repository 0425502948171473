import { settled } from '../shared/memory/clock.ts'
import type { BatchStateChange } from '../shared/memory/job-events.ts'
import type { MemoryJobs } from '../shared/memory/jobs.ts'
import { JobStatus } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { Leave } from '../worker/notice/leave.ts'
import { work } from '../worker/work.ts'
import { type Attempted, type Fate, fateOf, type Misfortune } from './fates.ts'
import { Life, type ProcessEnd } from './life.ts'
import { Pages } from './pages.ts'
import { standInHands } from './stand-in-hands.ts'

const slotsDefault = 4
const silent = (): void => undefined
const hostLost = {
  status: JobStatus.FAILED,
  statusReason: 'Host EC2 (instance i-0abc1234def567890) terminated.',
}

/** So long a child is RUNNABLE before Batch gives it up. */
const stuckMs = 60 * 60 * 1000
const misconfigured =
  'Canceled by JobStateTimeLimit action due to reason: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT'

export interface ChildrenOptions {
  misfortunes?: readonly Misfortune[]
  /** In place of those, where they do not last. */
  fateOf?: (attempted: Attempted) => Fate | undefined
  /** How many workers run at once. */
  slots?: number
  /** Finds the how manieth child no machine? */
  stuck?: (nth: number) => boolean
  /** Does the how manieth process look out for whoever asks it to leave off? */
  mayLeave?: (nth: number) => boolean
}

export class Children {
  /** Every attempt that got as far as its assignment, in order. */
  readonly attempted: Attempted[] = []
  /** How many workers run at once. */
  slots: number
  underWay = 0
  /** Did any process outlive its machine, as Batch sees it? */
  hadZombies = false
  /** Of those, how many came to harm once more. */
  lostZombies = 0
  /** Processes started so far. */
  processes = 0
  /** Of the sources, by all attempts together. */
  bytesWorked = 0
  /** Zombies, and the slow: they wait for the story. */
  idle = 0
  readonly #runnable: Record<string, string>[] = []
  /** Of those, the first ones: taking them out would move all that are behind. */
  #taken = 0
  readonly #letGo: (() => void)[] = []
  readonly #jobs: MemoryJobs
  readonly #worldOf: (life: Life) => World
  readonly #jobOf = new WeakMap<Life, string>()
  readonly #fateIn: (attempted: Attempted) => Fate | undefined
  readonly #mayLeave: (nth: number) => boolean
  readonly #stuck: (nth: number) => boolean
  #heard = 0
  readonly #times = new Map<string, number>()
  readonly #pages = new Pages()

  constructor(jobs: MemoryJobs, worldOf: (life: Life) => World, options: ChildrenOptions = {}) {
    this.#jobs = jobs
    this.#worldOf = worldOf
    this.#fateIn = options.fateOf ?? (attempted => fateOf(options.misfortunes ?? [], attempted))
    this.#mayLeave = options.mayLeave ?? (() => false)
    this.#stuck = options.stuck ?? (() => false)
    this.slots = options.slots ?? slotsDefault
  }

  get startable(): boolean {
    return this.#taken < this.#runnable.length && this.underWay - this.idle < this.slots
  }

  /** Takes any event; those of Batch that say a child is RUNNABLE are its own. */
  heard(event: unknown): void {
    const { source, detail } = event as BatchStateChange
    if (source !== 'aws.batch') return
    const { index, size } = (detail.arrayProperties ?? {}) as { index?: number; size?: number }
    if (detail.status !== JobStatus.RUNNABLE || (size !== undefined && index === undefined)) return
    const { environment } = detail.container as { environment: { name: string; value: string }[] }
    const attempts = detail.attempts as unknown[]
    if (this.#stuck(this.#heard++)) return void this.#giveUp(detail.jobId)
    this.#runnable.push({
      ...Object.fromEntries(environment.map(({ name, value }) => [name, value])),
      AWS_BATCH_JOB_ID: detail.jobId,
      AWS_BATCH_JOB_ATTEMPT: String(attempts.length + 1),
      ...(index === undefined ? {} : { AWS_BATCH_JOB_ARRAY_INDEX: String(index) }),
    })
  }

  async #giveUp(jobId: string): Promise<void> {
    await this.#worldOf(new Life('batch')).clock.sleep(stuckMs)
    if (this.#jobs.knows(jobId))
      this.#jobs.end(jobId, { status: JobStatus.FAILED, statusReason: misconfigured })
  }

  /** The oldest RUNNABLE child, from start to end. */
  async runNext(): Promise<void> {
    const environment = this.#runnable[this.#taken++] ?? {}
    const { AWS_BATCH_JOB_ID: jobId } = environment
    if (jobId === undefined || !this.#jobs.knows(jobId) || !this.#jobs.start(jobId)) return
    const life = new Life('worker', this.processes++)
    if (this.#mayLeave(life.nth ?? 0)) life.leave = new Leave()
    this.underWay += 1
    this.#jobOf.set(life, jobId)
    const end = await Promise.race([this.#process(life, jobId, environment), life.death])
    this.underWay -= 1
    // What becomes of a machine that has given notice is no merit of the process.
    const gone = life.leave?.why === 'notice' && typeof end === 'object' && end.exitCode !== 0
    if (!life.isZombie) this.#ended(jobId, gone ? 'reclaimed' : end)
  }

  async #process(life: Life, jobId: string, environment: Record<string, string>): Promise<ProcessEnd> {
    const world = this.#worldOf(life)
    const hands = standInHands({
      fetch: (...given) => this.#pages.fetch(...given),
      fateOf: attempted => this.#fateOf(attempted),
      die: end => life.die(end),
      becomeZombie: again => this.#becomeZombie(life, jobId, again),
      linger: () => this.#idle(),
      worked: (_, bytes) => {
        this.bytesWorked += bytes
      },
    })
    const { config } = world
    const leaving = life.leave ? { leave: life.leave } : {}
    const exitCode = await work(world, environment, { config, write: silent, ...leaving, hands })
    return { exitCode }
  }

  /** Batch believes the machine of a process lost, and starts the child again or not; it goes on after so long. */
  async freeze(life: Life, again: boolean, ms: number): Promise<void> {
    const jobId = this.#jobOf.get(life)
    if (jobId !== undefined) this.#lose(life, jobId, again)
    this.idle += 1
    await this.#worldOf(life).clock.sleep(ms)
    this.idle -= 1
  }

  /** Takes so long, if it is not asked to leave off. */
  async linger(life: Life, ms: number): Promise<void> {
    const slow = this.#worldOf(life).clock.sleep(ms)
    this.idle += 1
    await (life.leave ? Promise.race([slow, life.leave.asked]) : slow)
    this.idle -= 1
  }

  /** Lets every zombie finish what it thinks is still its own, and the slow go on. */
  async letIdleGo(): Promise<void> {
    for (const go of this.#letGo.splice(0)) go()
    await settled()
  }

  async #becomeZombie(life: Life, jobId: string, again: boolean): Promise<void> {
    this.#lose(life, jobId, again)
    await this.#idle()
  }

  #lose(life: Life, jobId: string, again: boolean): void {
    if (!this.#jobs.knows(jobId)) life.isZombie = true
    if (!life.isZombie && again) this.#jobs.reclaim(jobId)
    else if (!life.isZombie) this.#jobs.end(jobId, hostLost)
    life.isZombie = true
    this.hadZombies = true
  }

  async #idle(): Promise<void> {
    this.idle += 1
    await new Promise<void>(resolve => {
      this.#letGo.push(resolve)
    })
    this.idle -= 1
  }

  #fateOf(attempt: Omit<Attempted, 'nth'>): Fate | undefined {
    const { partition, round, jobAttempt } = attempt
    const name = `${partition} ${round} ${jobAttempt}`
    const nth = (this.#times.get(name) ?? 0) + 1
    this.#times.set(name, nth)
    this.attempted.push({ ...attempt, nth })
    return this.#fateIn({ ...attempt, nth })
  }

  #ended(jobId: string, end: ProcessEnd): void {
    if (!this.#jobs.knows(jobId)) return
    if (end === 'reclaimed') return void this.#jobs.reclaim(jobId)
    const said = Object.entries(end).filter(([, value]) => value !== undefined)
    const status = end.exitCode === 0 ? JobStatus.SUCCEEDED : JobStatus.FAILED
    this.#jobs.end(jobId, { ...Object.fromEntries(said), status })
  }
}
