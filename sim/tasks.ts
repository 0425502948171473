/**
 * Several steps under way at once, one call of a port at a time: who goes next is drawn, so that one seed is one
 * story, and steps are interleaved wherever AWS could interleave them. Everything in memory is done within one
 * turn of the event loop.
 */
import { setImmediate as turn } from 'node:timers/promises'

export class Tasks {
  readonly #waiting: (() => void)[] = []
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
    await turn()
  }

  /** Waits until it is this call's turn. */
  async gate(): Promise<void> {
    if (!this.#gated) return
    await new Promise<void>(resolve => {
      this.#waiting.push(resolve)
    })
  }

  /** Lets the waiting call number `at` happen. */
  async release(at: number): Promise<void> {
    const [next] = this.#waiting.splice(at, 1)
    next?.()
    await turn()
  }
}
