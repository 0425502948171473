/** The wish that this process leaves off: heard by whoever reads, at the next record boundary. */
import type { Rest } from '../../shared/records.ts'

/** What must end at once ends at either. */
export function stopOf(given: {
  signal?: AbortSignal | undefined
  leave?: Leave | undefined
}): AbortSignal | undefined {
  const signals = [given.signal, given.leave?.ending].filter(signal => signal !== undefined)
  return signals.length === 0 ? undefined : AbortSignal.any(signals)
}

export class Leave {
  /** Absent: nobody wishes it. */
  why: Rest['why'] | undefined
  readonly #asked = Promise.withResolvers<Rest['why']>()
  readonly #ending = new AbortController()

  /** The first wish counts. */
  ask(why: Rest['why']): void {
    this.why ??= why
    this.#asked.resolve(this.why)
  }

  /** SIGTERM: seconds are left, and Batch will say itself why the attempt ended. */
  end(): void {
    this.ask('notice')
    this.#ending.abort()
  }

  get asked(): Promise<Rest['why']> {
    return this.#asked.promise
  }

  /** Aborted at SIGTERM. */
  get ending(): AbortSignal {
    return this.#ending.signal
  }
}
