/** One call of a function's handler: loaded once, with a context, and no longer than it may take. */
import { MillraceError } from '../../shared/errors.ts'
import type { Clock } from '../../shared/ports.ts'
import type { World } from '../../shared/world.ts'
import type { Mortal } from '../deaths.ts'
import type { Heartbeat } from '../events/heartbeat.ts'
import type { FunctionWiring } from '../serverless/wiring.ts'
import { contextFor } from './event.ts'

export type Handler = (event: unknown, context: unknown) => Promise<unknown>

export interface InvokeOptions {
  world: World
  clock: Clock
  heartbeat: Heartbeat
  /** Called at a function's first event, and again only if it failed. */
  loadHandler: (functionName: string) => Promise<Handler>
  /** For tests: what an invocation may die of. */
  mortal?: Mortal | undefined
}

export class Invoker {
  readonly #lambda: FunctionWiring
  readonly #options: InvokeOptions
  #handler: Promise<Handler> | undefined

  constructor(lambda: FunctionWiring, options: InvokeOptions) {
    this.#lambda = lambda
    this.#options = options
  }

  /**
   * Errors: whatever the handler throws; TEMPORARY_FAILURE when its time is over. It cannot be killed then as
   * Lambda would: what it still does happens beside the next attempt.
   */
  async invoke(event: unknown): Promise<unknown> {
    const { clock, heartbeat, mortal } = this.#options
    const handler = await this.#load()
    const deadlineMs = clock.now() + this.#lambda.timeoutMs
    const late = Promise.withResolvers<never>()
    const unwatch = heartbeat.onBeat(() => {
      if (clock.now() >= deadlineMs) late.reject(timedOut(this.#lambda))
    })
    try {
      const given = { world: this.#options.world, died: late.promise }
      const { world, died } = mortal?.(given.world) ?? given
      const context = contextFor(this.#lambda, world, clock, deadlineMs)
      return await Promise.race([handler(event, context), late.promise, died])
    } finally {
      unwatch()
    }
  }

  async #load(): Promise<Handler> {
    this.#handler ??= this.#options.loadHandler(this.#lambda.name)
    try {
      return await this.#handler
    } catch (error) {
      this.#handler = undefined
      throw error
    }
  }
}

function timedOut({ name, timeoutMs }: FunctionWiring): MillraceError {
  return new MillraceError('TEMPORARY_FAILURE', `${name}: Task timed out after ${timeoutMs / 1000} seconds`)
}
