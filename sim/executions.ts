/** Executions of the functions, each with the events it is handed, and what becomes of those where it ends badly. */
import type { World } from '../shared/world.ts'
import type { Deliveries, Delivery } from './deliveries.ts'
import { Life } from './life.ts'
import type { Failed } from './logged.ts'
import { steps } from './steps.ts'
import type { Tasks } from './tasks.ts'
import { injected, isInjected } from './trouble.ts'

export interface ExecutionOptions {
  /** How many events one execution is handed at once, where there are so many. */
  batch?: () => number
  /** Does an event whose step met trouble come again, or is it lost for ever? */
  afterFault?: 'again' | 'lost'
}

export interface House extends ExecutionOptions {
  tasks: Tasks
  deliveries: Deliveries
  failures: Failed[]
  worldOf: (life: Life) => World
}

export class Executions {
  readonly #house: House

  constructor(house: House) {
    this.#house = house
  }

  async act(by: string, body: (world: World) => Promise<unknown>): Promise<void> {
    const life = new Life(by)
    await this.#house.tasks.start(async () => {
      await Promise.race([body(this.#house.worldOf(life)), life.death])
    })
  }

  async deliver(delivery: Delivery | undefined): Promise<void> {
    if (delivery === undefined) return
    const { deliveries, batch, worldOf, tasks } = this.#house
    const more = deliveries.alike(delivery, (batch?.() ?? 1) - 1)
    const life = new Life(delivery.step)
    const world = worldOf(life)
    await tasks.start(async () => {
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
    const { failures, deliveries, afterFault } = this.#house
    const wanted = isInjected(error)
    if (!wanted) failures.push({ step: delivery.step, error })
    // The first event is in a queue until it is done; those after it may be lost, says the promise.
    const lost = wanted && afterFault === 'lost' && delivery.step !== 'partition'
    if (!lost) deliveries.bringAgain(delivery)
  }
}
