/**
 * Several steps under way at once, one call of a port at a time: who goes next is drawn, so that one seed is one
 * story, and steps are interleaved wherever AWS could interleave them.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { settled } from '../shared/memory/clock.ts'
import { type Life, never } from './life.ts'

const turnsWithoutCallMax = 1000

interface Waiting {
  life: Life
  go: () => void
}

export class Tasks {
  readonly #waiting: Waiting[] = []
  /** Hold every call back until it is drawn? Else steps run through at once. */
  readonly #gated: boolean
  underWay = 0

  constructor(gated: boolean) {
    this.#gated = gated
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Runs until its first call, or to its end. The body must not throw. */
  async start(body: () => Promise<void>): Promise<void> {
    this.underWay += 1
    void body().finally(() => {
      this.underWay -= 1
    })
    await settled()
  }

  /** Waits until it is this call's turn. */
  async gate(life: Life): Promise<void> {
    if (life.dead) return never()
    if (!this.#gated) return
    await new Promise<void>(go => {
      this.#waiting.push({ life, go })
    })
  }

  /** Lets the waiting call number `at` happen. */
  async release(at: number): Promise<void> {
    const [next] = this.#waiting.splice(at, 1)
    next?.go()
    await settled()
  }

  /** Waits for what is no call of a port; with streams there may be some. @returns whether anything went on */
  async moved(): Promise<boolean> {
    const { underWay } = this
    for (let turns = 0; turns < turnsWithoutCallMax; turns++) {
      await turn()
      if (this.waiting > 0 || this.underWay !== underWay) return true
    }
    return false
  }

  /** Its calls that wait will never happen. */
  drop(life: Life): void {
    for (let at = this.#waiting.length - 1; at >= 0; at--)
      if (this.#waiting[at]?.life === life) this.#waiting.splice(at, 1)
  }
}
