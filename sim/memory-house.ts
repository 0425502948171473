/**
 * The whole house in memory: the real steps of functions/, routed as serverless.yml says, on in-memory ports, with
 * stand-in workers, time that is moved, and chance that is seeded. One seed, one story.
 */
import { setImmediate as immediate } from 'node:timers/promises'
import { scheduledEvent } from '../local/events/envelope.ts'
import { localConfig } from '../shared/config.ts'
import { seededRandom } from '../shared/memory/clock.ts'
import type { Pipeline, PipelineInput } from '../shared/pipeline.ts'
import { pipelineSet } from '../shared/pipelines.ts'
import { pipelineFor, runIdOf } from '../shared/plan.ts'
import type { Log, WriteOptions } from '../shared/ports.ts'
import type { World } from '../shared/world.ts'
import { Children } from './children.ts'
import { Deliveries, type Delivery, type DeliveryOptions } from './deliveries.ts'
import type { Misfortune } from './fates.ts'
import { openHousePorts, type PortOptions } from './house-ports.ts'
import { Life, never } from './life.ts'
import { Mail } from './mail.ts'
import { interposedPorts, noted, type PortCall, person } from './port-calls.ts'
import { steps } from './steps.ts'
import { Tasks } from './tasks.ts'
import { injected, isInjected, type Trouble, type When } from './trouble.ts'

const stepsUnderWayMax = 3
const turnsMax = 2_000_000
const turnsWithoutCallMax = 1000
export const reconcileEveryMs = 5 * 60 * 1000

export interface HouseOptions extends PortOptions, DeliveryOptions {
  pipelines: PipelineInput[]
  /** The same, read already. */
  parsed?: readonly Pipeline[]
  /** Interleave steps call by call (default), or let each run through: quicker where there are thousands. */
  gated?: boolean
  misfortunes?: Misfortune[]
  /** Finds the how manieth child no machine? */
  stuck?: (nth: number) => boolean
  /** Takes a line for every call, and whatever befalls it. */
  note?: (line: string) => void
  /** How many workers run at once. */
  slots?: number
  /** What befalls call number `at`; a bare word: it fails before it happens, or after it took effect. */
  fault?: (call: PortCall, at: number, life: Life) => Trouble | When | undefined
  /** How far the clock of one execution is off, in ms. */
  skewMs?: (life: Life) => number
  /** Does reconcile come every five minutes by itself, for as long as time passes? */
  heals?: boolean
  /** How many events one execution is handed at once, where there are so many. */
  batch?: () => number
  /** How long every call takes. */
  callMs?: number
  /** Milliseconds that pass before the next call: a slow service, or a long pause of the machine. */
  dawdles?: () => number
  /** Does an event whose step met that fault come again, or is it lost for ever? */
  afterFault?: 'again' | 'lost'
}

export class MemoryHouse {
  readonly config = localConfig('', '')
  readonly pipelines: readonly Pipeline[]
  readonly ports
  readonly children: Children
  readonly deliveries: Deliveries
  /** Every call of a port, in order. */
  readonly calls: PortCall[] = []
  /** Errors that no story asked for. */
  readonly failures: { step: string; error: unknown }[] = []
  readonly logged: { level: string; message: string; fields: Record<string, unknown> }[] = []
  readonly #options: HouseOptions
  readonly #mail: Mail
  #healedAt = 0
  readonly #tasks: Tasks
  readonly #random: () => number

  constructor(options: HouseOptions) {
    this.#options = options
    this.pipelines =
      options.parsed ?? pipelineSet(Object.fromEntries(options.pipelines.map(one => [one.name, one])))
    this.#random = seededRandom(options.seed ?? 1)
    this.#tasks = new Tasks(options.gated ?? true)
    this.ports = openHousePorts(this.config, options, (bus, event) => {
      this.children.heard(event)
      this.#mail.foreign(bus, event)
    })
    const { clock, bus } = this.ports
    this.deliveries = new Deliveries(clock, options)
    this.#mail = new Mail(this.deliveries, { bus, clock, name: this.config.bus })
    this.children = new Children(this.ports.jobs, life => this.worldOf(life), options)
  }

  /** The world as it is handed to a function, a worker, or a person. */
  worldOf(who: Life | string): World {
    const life = typeof who === 'string' ? new Life(who) : who
    const ports = interposedPorts(this.ports.watched, life.by, (call, act) => this.#call(life, call, act))
    const skewMs = this.#options.skewMs?.(life) ?? 0
    const { clock } = ports
    const own = skewMs === 0 ? clock : { ...clock, now: () => clock.now() + skewMs }
    return { ...ports, clock: own, config: this.config, pipelines: this.pipelines, log: this.#log(life.by) }
  }

  /** @returns the id of the run it starts; '' where no pipeline takes the key */
  async drop(key: string, body: string | Buffer, options: WriteOptions = {}): Promise<string> {
    const bucket = this.config.buckets.drops
    const { version = '' } = await this.ports.objects.write({ bucket, key }, Buffer.from(body), options)
    const pipeline = pipelineFor(this.pipelines, key)
    return pipeline ? runIdOf(pipeline.name, { bucket, key }, version) : ''
  }

  /** Until nothing is under way and nothing is due, however far off. */
  async untilQuiet(): Promise<void> {
    for (let turns = 0; turns < turnsMax; turns++) {
      if (await this.turn()) continue
      const next = this.nextDueAt()
      if (next === Infinity) return this.#assertIdle()
      await this.moveTo(next)
    }
    throw new Error(`not quiet after ${turnsMax} turns`)
  }

  /** Epoch ms of what will happen by itself next, short of reconcile. */
  nextDueAt(): number {
    const { bus, clock } = this.ports
    return Math.min(this.deliveries.nextDueAt(), bus.nextDueAt(), clock.nextDueAt() ?? Infinity)
  }

  async moveTo(timeMs: number): Promise<void> {
    const { clock } = this.ports
    await clock.advance(Math.max(0, timeMs - clock.now()))
    this.deliveries.becomeDue()
    if (!this.#options.heals || clock.now() - this.#healedAt < reconcileEveryMs) return
    this.#healedAt = clock.now()
    this.#open('reconcile')
  }

  #open(schedule: 'reconcile'): void {
    const { clock } = this.ports
    this.deliveries.enqueue(schedule, scheduledEvent(schedule, clock.now()), schedule)
  }

  /** Five minutes later. */
  async reconcile(): Promise<void> {
    const { clock } = this.ports
    await this.moveTo(clock.now() + reconcileEveryMs)
    if (!this.#options.heals) this.#open('reconcile')
    await this.untilQuiet()
  }

  /** Until no run is open. @returns how many reconciles it took */
  async untilEnded(reconcilesMax = 0): Promise<number> {
    await this.untilQuiet()
    for (let taken = 0; ; taken++) {
      const { items } = await this.ports.records.query({ index: 'open', pk: 'OPEN' })
      if (items.length === 0) return taken
      if (taken === reconcilesMax) throw new Error(`still open after ${taken}: ${JSON.stringify(items)}`)
      await this.reconcile()
    }
  }

  /** Somebody does something, between whatever else is under way. */
  async act(by: string, body: (world: World) => Promise<unknown>): Promise<void> {
    const life = new Life(by)
    await this.#tasks.start(async () => {
      await Promise.race([body(this.worldOf(life)), life.death])
    })
  }

  /** One thing happens, drawn from all that could happen now. */
  async turn(): Promise<boolean> {
    this.#mail.collect()
    const busy = this.#tasks.underWay - this.children.underWay >= stepsUnderWayMax
    const deliveries = busy ? 0 : this.deliveries.ready
    const starts = this.children.startable ? 1 : 0
    const choices = deliveries + starts + this.#tasks.waiting
    if (choices === 0) return this.#tasks.underWay > this.children.idle && this.#waited()
    const draw = Math.floor(this.#random() * choices)
    if (draw < deliveries) await this.#deliver(this.deliveries.take(draw))
    else if (draw < deliveries + starts) await this.#tasks.start(() => this.children.runNext())
    else await this.#release(draw - deliveries - starts)
    return true
  }

  /** For what is no call of a port; with streams there may be some. */
  async #waited(): Promise<boolean> {
    const { underWay } = this.#tasks
    for (let turns = 0; turns < turnsWithoutCallMax; turns++) {
      await immediate()
      if (this.#tasks.waiting > 0 || this.#tasks.underWay !== underWay) return true
    }
    return false
  }

  async #release(at: number): Promise<void> {
    const pauseMs = (this.#options.dawdles?.() ?? 0) + (this.#options.callMs ?? 0)
    if (pauseMs > 0) await this.moveTo(this.ports.clock.now() + pauseMs)
    await this.#tasks.release(at)
  }

  async #deliver(delivery: Delivery | undefined): Promise<void> {
    if (delivery === undefined) return
    const more = this.deliveries.alike(delivery, (this.#options.batch?.() ?? 1) - 1)
    const life = new Life(delivery.step)
    const world = this.worldOf(life)
    await this.#tasks.start(async () => {
      await Promise.all([delivery, ...more].map(one => this.#take(one, world, life)))
    })
  }

  async #take(delivery: Delivery, world: World, life: Life): Promise<void> {
    const over = life.death.then(() => {
      throw injected({ by: life.by, name: 'everything', subject: undefined, options: undefined })
    })
    try {
      await Promise.race([steps[delivery.step](world, delivery.event), over])
    } catch (error) {
      this.#failed(delivery, error)
    }
  }

  #failed(delivery: Delivery, error: unknown): void {
    const wanted = isInjected(error)
    if (!wanted) this.failures.push({ step: delivery.step, error })
    // The first event is in a queue until it is done; those after it may be lost, says the promise.
    const lost = wanted && this.#options.afterFault === 'lost' && delivery.step !== 'partition'
    if (!lost) this.deliveries.bringAgain(delivery)
  }

  async #call(life: Life, call: PortCall, act: () => Promise<unknown>): Promise<unknown> {
    if (call.by !== person) await this.#tasks.gate(life)
    const at = this.calls.push(call) - 1
    life.calls += 1
    const said = this.#options.fault?.(call, at, life)
    const trouble: Trouble | undefined = typeof said === 'string' ? { kind: 'fails', when: said } : said
    this.#options.note?.(noted(this.ports.clock.now(), call, trouble))
    if (trouble?.when === 'before') await this.#befall(trouble, call, life)
    this.#mail.called(call)
    const result = await act()
    if (trouble?.when === 'after') await this.#befall(trouble, call, life)
    return life.dead ? never() : result
  }

  async #befall(trouble: Trouble, call: PortCall, life: Life): Promise<void> {
    if (trouble.kind === 'fails') throw injected(call, trouble.code)
    if (trouble.kind === 'notice') return life.giveNotice()
    if (trouble.kind === 'freezes') return this.children.freeze(life, trouble.again, trouble.ms)
    life.die(trouble.end)
    this.#tasks.drop(life)
    return never()
  }

  #log(by: string): Log {
    const say =
      (level: string) =>
      (message: string, fields: Record<string, unknown> = {}) => {
        this.logged.push({ level, message, fields })
        const { error } = fields
        if (error !== undefined && !isInjected(error)) this.failures.push({ step: by, error })
      }
    return { info: say('info'), warn: say('warn'), error: say('error') }
  }

  #assertIdle(): void {
    if (this.#tasks.underWay === this.children.idle) return
    throw new Error('a step waits for something that is no call of a port')
  }
}
