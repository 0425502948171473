/**
 * The whole house in memory: the real steps of functions/, routed as serverless.yml says, on in-memory ports, with
 * stand-in workers, time that is moved, and chance that is seeded. One seed, one story.
 */
import { scheduledEvent } from '../local/events/envelope.ts'
import { localConfig } from '../shared/config.ts'
import { seededRandom } from '../shared/memory/clock.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { pipelineSet } from '../shared/pipelines.ts'
import { pipelineFor, runIdOf } from '../shared/plan.ts'
import type { World } from '../shared/world.ts'
import { Children } from './children.ts'
import { Deliveries } from './deliveries.ts'
import { Executions } from './executions.ts'
import type { HouseOptions } from './house-options.ts'
import { type DropOptions, openHousePorts } from './house-ports.ts'
import { Life, never } from './life.ts'
import { type Failed, type Logged, logOf } from './logged.ts'
import { Mail } from './mail.ts'
import { interposedPorts, noted, type PortCall, person } from './port-calls.ts'
import { Tasks } from './tasks.ts'
import { injected, type Trouble } from './trouble.ts'

const stepsUnderWayMax = 3
const turnsMax = 2_000_000
export const reconcileEveryMs = 5 * 60 * 1000

export type { HouseOptions }

export class MemoryHouse {
  readonly config = localConfig('', '')
  readonly pipelines: readonly Pipeline[]
  readonly ports
  readonly children: Children
  readonly deliveries: Deliveries
  /** Every call of a port, in order. */
  readonly calls: PortCall[] = []
  readonly dropped: { bucket: string; key: string; version: string }[] = []
  /** Errors that no story asked for. */
  readonly failures: Failed[] = []
  readonly logged: Logged[] = []
  readonly #options: HouseOptions
  readonly #mail: Mail
  /** Of the functions, and of people between whatever else is under way. */
  readonly executions: Executions
  #healedAt = 0
  readonly #tasks: Tasks
  readonly #random: () => number

  constructor(options: HouseOptions) {
    this.#options = options
    this.pipelines =
      options.parsed ?? pipelineSet(Object.fromEntries(options.pipelines.map(one => [one.name, one])))
    this.#random = seededRandom(options.seed ?? 1)
    this.#tasks = new Tasks(options.gated ?? true)
    const { config, pipelines } = this
    this.ports = openHousePorts(config, { ...options, deployed: pipelines }, (bus, event) => {
      this.children.heard(event)
      this.#mail.foreign(bus, event)
    })
    const { clock, bus } = this.ports
    this.deliveries = new Deliveries(clock, options)
    this.#mail = new Mail(this.deliveries, { bus, clock, name: config.bus }, pipelines)
    this.executions = new Executions({
      ...options,
      tasks: this.#tasks,
      deliveries: this.deliveries,
      failures: this.failures,
      worldOf: life => this.worldOf(life),
    })
    this.children = new Children(this.ports.jobs, life => this.worldOf(life), options)
  }

  /** The world as it is handed to a function, a worker, or a person. */
  worldOf(who: Life | string): World {
    const life = typeof who === 'string' ? new Life(who) : who
    const handed = this.#options.observed?.(this.ports.watched, life.by) ?? this.ports.watched
    const ports = interposedPorts(handed, life.by, (call, act) => this.#call(life, call, act))
    const skewMs = this.#options.skewMs?.(life) ?? 0
    const clock = skewMs === 0 ? ports.clock : { ...ports.clock, now: () => ports.clock.now() + skewMs }
    return {
      ...ports,
      clock,
      config: this.config,
      pipelines: this.pipelines,
      log: logOf(life.by, this.logged, this.failures),
    }
  }

  /** @returns the id of the run it starts; '' where no pipeline takes the key */
  async drop(key: string, body: string | Buffer, given: DropOptions = {}): Promise<string> {
    const { bucket = this.config.buckets.drops, ...options } = given
    const { version = '' } = await this.ports.objects.write({ bucket, key }, Buffer.from(body), options)
    this.dropped.push({ bucket, key, version })
    const pipeline = pipelineFor(this.pipelines, { bucket, key }, this.config.buckets.drops)
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

  /** One thing happens, drawn from all that could happen now. */
  async turn(): Promise<boolean> {
    this.#mail.collect()
    const busy = this.#tasks.underWay - this.children.underWay >= stepsUnderWayMax
    const deliveries = busy ? 0 : this.deliveries.ready
    const starts = this.children.startable ? 1 : 0
    const choices = deliveries + starts + this.#tasks.waiting
    if (choices === 0) return this.#tasks.underWay > this.children.idle && this.#tasks.moved()
    const draw = Math.floor(this.#random() * choices)
    if (draw < deliveries) await this.executions.deliver(this.deliveries.take(draw))
    else if (draw < deliveries + starts) await this.#tasks.start(() => this.children.runNext())
    else await this.#release(draw - deliveries - starts)
    return true
  }

  async #release(at: number): Promise<void> {
    const pauseMs = (this.#options.dawdles?.() ?? 0) + (this.#options.callMs ?? 0)
    if (pauseMs > 0) await this.moveTo(this.ports.clock.now() + pauseMs)
    await this.#tasks.release(at)
  }

  async #call(life: Life, call: PortCall, act: () => Promise<unknown>): Promise<unknown> {
    if (call.by !== person) await this.#tasks.gate(life)
    const at = this.calls.push(call) - 1
    life.calls += 1
    const said = this.#options.fault?.(call, at, life)
    const trouble: Trouble | undefined = typeof said === 'string' ? { kind: 'fails', when: said } : said
    this.#options.note?.(noted(this.ports.clock.now(), call, trouble))
    if (trouble?.when === 'before') await this.#befall(trouble, call, life)
    if (life.dead) return never()
    this.#mail.called(call)
    const result = await act()
    if (trouble?.when === 'after') await this.#befall(trouble, call, life)
    return life.dead ? never() : result
  }

  async #befall(trouble: Trouble, call: PortCall, life: Life): Promise<void> {
    if (life.isZombie) this.children.lostZombies += 1
    if (trouble.kind === 'fails') throw injected(call, trouble.code)
    if (trouble.kind === 'notice') return trouble.sudden ? life.leave?.end() : life.leave?.ask('notice')
    if (trouble.kind === 'lingers') return this.children.linger(life, trouble.ms)
    if (trouble.kind === 'freezes') return this.children.freeze(life, trouble.again, trouble.ms)
    life.die(trouble.end)
    this.#tasks.drop(life)
    return never()
  }

  #assertIdle(): void {
    if (this.#tasks.underWay === this.children.idle) return
    throw new Error('a step waits for something that is no call of a port')
  }
}
