/** One execution of a function, or one process of a worker: what it has under way ends with it. */
import type { AttemptEnd } from '../shared/failure.ts'

/** How a process ended, in Batch's words. */
export type ProcessEnd = AttemptEnd | 'reclaimed'

export class Life {
  readonly by: string
  /** Of a worker: the how manieth process of the story it is, from 0. */
  readonly nth: number | undefined
  /** Of ports, so far. */
  calls = 0
  dead = false
  /** Batch has spoken of its end already; what it says itself is heard by nobody. */
  isZombie = false
  /** Resolves when it ends in the middle; a call under way never comes back. */
  readonly death: Promise<ProcessEnd>
  #stop: AbortController | undefined
  #end: (end: ProcessEnd) => void = () => undefined

  constructor(by: string, nth?: number) {
    this.by = by
    this.nth = nth
    this.death = new Promise(resolve => {
      this.#end = resolve
    })
  }

  /** Aborted when its machine is about to go. */
  get signal(): AbortSignal {
    this.#stop ??= new AbortController()
    return this.#stop.signal
  }

  giveNotice(): void {
    this.#stop ??= new AbortController()
    this.#stop.abort()
  }

  get hasNotice(): boolean {
    return this.#stop?.signal.aborted ?? false
  }

  die(end: ProcessEnd = {}): void {
    this.dead = true
    this.#end(end)
  }
}

/** For whoever awaits a call of a life that is over. */
export const never = (): Promise<never> => new Promise(() => undefined)
