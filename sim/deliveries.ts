/** Events before the functions' doors: due, not yet due, held back by the story, given up. */
import type { Clock } from '../shared/ports.ts'
import type { FunctionName } from '../shared/vocabulary.ts'
import { manners } from './routes.ts'

export interface Delivery {
  step: FunctionName
  event: unknown
  /** Epoch ms. */
  dueAt: number
  tries: number
  /** Its place among all that the story sent to a function; copies share it. */
  number: number
  /** The function that sent it; `aws` for what S3, Batch and Scheduler send. */
  by: string
}

export interface DeliveryOptions {
  /** How often an event is delivered (default 1); 0 loses it. */
  copies?: (delivery: Delivery) => number
  /** How much later it comes than it was sent, in ms. */
  delayMs?: (delivery: Delivery) => number
  /** Kept back until `stopHolding`. */
  holds?: (delivery: Delivery) => boolean
}

export class Deliveries {
  readonly dead: Delivery[] = []
  readonly held: Delivery[] = []
  readonly #ready: Delivery[] = []
  readonly #clock: Clock
  readonly #options: DeliveryOptions
  #later: Delivery[] = []
  #holding = true
  sent = 0

  constructor(clock: Clock, options: DeliveryOptions) {
    this.#clock = clock
    this.#options = options
  }

  get ready(): number {
    return this.#ready.length
  }

  enqueue(step: FunctionName, event: unknown, by = 'aws'): void {
    const delivery = { by, step, event, dueAt: this.#clock.now(), tries: 0, number: this.sent++ }
    const text = JSON.stringify(event)
    const copies = this.#options.copies?.(delivery) ?? 1
    for (let copy = 0; copy < copies; copy++) {
      const own = { ...delivery, event: JSON.parse(text) as unknown }
      if (this.#holding && this.#options.holds?.(own)) this.held.push(own)
      else this.#send(own)
    }
  }

  #send(delivery: Delivery): void {
    const dueAt = delivery.dueAt + (this.#options.delayMs?.(delivery) ?? 0)
    if (dueAt <= this.#clock.now()) this.#ready.push(delivery)
    else this.#later.push({ ...delivery, dueAt })
  }

  /** What was held back is delivered after all, and nothing is held back any more. */
  stopHolding(): void {
    this.#holding = false
    this.#ready.push(...this.held.splice(0))
  }

  /** The one at that place among those that are due; their order is of no meaning. */
  take(at: number): Delivery | undefined {
    const taken = this.#ready[at]
    const last = this.#ready.pop()
    if (taken !== last && last !== undefined) this.#ready[at] = last
    return taken
  }

  /** So many more for the same function, where that takes several at once. */
  alike({ step }: Delivery, count: number): Delivery[] {
    if (!manners[step].isQueue) return []
    const found: Delivery[] = []
    for (let at = this.#ready.length - 1; at >= 0 && found.length < count; at--)
      if (this.#ready[at]?.step === step) found.push(...this.#ready.splice(at, 1))
    return found
  }

  /** Those that were given up are tried once more, as a person would. @returns how many */
  redrive(step: FunctionName): number {
    const dead = this.dead.filter(one => one.step === step)
    for (const one of dead) {
      this.dead.splice(this.dead.indexOf(one), 1)
      this.#ready.push({ ...one, tries: 0 })
    }
    return dead.length
  }

  /** As the service that brought it would: later, and not for ever. */
  bringAgain(delivery: Delivery): void {
    const { triesMax, againAfterMs } = manners[delivery.step]
    const again = { ...delivery, tries: delivery.tries + 1, dueAt: this.#clock.now() + againAfterMs }
    if (again.tries < triesMax) this.#later.push(again)
    else this.dead.push(again)
  }

  /** After time has moved. */
  becomeDue(): void {
    if (this.#later.length === 0) return
    const now = this.#clock.now()
    this.#ready.push(...this.#later.filter(({ dueAt }) => dueAt <= now))
    this.#later = this.#later.filter(({ dueAt }) => dueAt > now)
  }

  nextDueAt(): number {
    return this.#later.reduce((next, { dueAt }) => Math.min(next, dueAt), Infinity)
  }
}
