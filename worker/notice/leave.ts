/** The wish that this process leaves off: heard by whoever reads, at the next record boundary. */
import type { RunDocument } from '../../shared/documents.ts'
import type { Rest } from '../../shared/records.ts'
import { Stage } from '../../shared/vocabulary.ts'

/** What must end at once ends at either. */
export function stopOf(given: Wishes): AbortSignal | undefined {
  const signals = [given.signal, given.leave?.ending].filter(signal => signal !== undefined)
  return signals.length === 0 ? undefined : AbortSignal.any(signals)
}

interface Wishes {
  signal?: AbortSignal | undefined
  leave?: Leave | undefined
}

/**
 * Who leaves off goes on in another partition of the next round: not a stream that is being split, which is begun anew
 * and finds what is laid down, and not where the next partition in line would go first.
 */
export function heeded(wishes: Wishes, { run, stage }: { run: RunDocument; stage: Stage }): Wishes {
  const { signal, leave } = wishes
  if (stage === Stage.split) return { signal: stopOf(wishes), leave }
  return run.pipeline.job.sequential ? { signal: stopOf(wishes) } : { signal, leave }
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
