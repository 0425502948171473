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
    const copies = this.#options.copies?.(delivery) ?? 1
    for (let copy = 0; copy < copies; copy++) {
      const own = { ...delivery, event: structuredClone(event) }
      if (this.#holding && this.#options.holds?.(own)) this.held.push(own)
      else this.#ready.push(own)
    }
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

  /** As the service that brought it would: later, and not for ever. */
  bringAgain(delivery: Delivery): void {
    const { triesMax, againAfterMs } = manners[delivery.step]
    const again = { ...delivery, tries: delivery.tries + 1, dueAt: this.#clock.now() + againAfterMs }
    if (again.tries < triesMax) this.#later.push(again)
    else this.dead.push(again)
  }

  /** After time has moved. */
  becomeDue(): void {
    const now = this.#clock.now()
    this.#ready.push(...this.#later.filter(({ dueAt }) => dueAt <= now))
    this.#later = this.#later.filter(({ dueAt }) => dueAt > now)
  }

  nextDueAt(): number {
    return Math.min(...this.#later.map(({ dueAt }) => dueAt))
  }
}
