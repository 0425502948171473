/** One execution of a function, or one process of a worker: what it has under way ends with it. */
import type { AttemptEnd } from '../shared/failure.ts'
import type { Leave } from '../worker/notice/leave.ts'

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
  /** Of a worker that may be asked to leave off. */
  leave: Leave | undefined
  /** Resolves when it ends in the middle; a call under way never comes back. */
  readonly death: Promise<ProcessEnd>
  #end: (end: ProcessEnd) => void = () => undefined

  constructor(by: string, nth?: number) {
    this.by = by
    this.nth = nth
    this.death = new Promise(resolve => {
      this.#end = resolve
    })
  }

  die(end: ProcessEnd = {}): void {
    this.dead = true
    this.#end(end)
  }
}

/** For whoever awaits a call of a life that is over. */
export const never = (): Promise<never> => new Promise(() => undefined)
