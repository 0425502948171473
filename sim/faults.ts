/** The troubles of a story, each a value of its own, so that they can be dropped one by one; and how they strike. */
import type { Delivery } from './deliveries.ts'
import { type Attempted, type Fate, fateOf, type Misfortune } from './fates.ts'
import type { Life } from './life.ts'
import type { PortCall } from './port-calls.ts'
import type { Trouble } from './trouble.ts'

export type Fault =
  /** Of the calls that all executions of a function, or a person, make: the how manieth, from 1. */
  | { kind: 'call'; by: string; nth: number; trouble: Trouble }
  /** A call of one process of a worker, both counted from the first: processes from 0, calls from 1. */
  | { kind: 'process'; process: number; nth: number; trouble: Trouble }
  /** The how manieth message to Slack, from 1. */
  | { kind: 'slack'; nth: number; trouble: Trouble }
  /** What the work of a partition meets. */
  | { kind: 'work'; misfortune: Misfortune }
  /** The how manieth event sent, from 0: lost, repeated, late. */
  | { kind: 'event'; nth: number; copies: number; delayMs: number }
  /** The how manieth child finds no machine, from 0. */
  | { kind: 'stuck'; nth: number }
  /** Before the how manieth call time passes: a slow service, or a machine that stands still. */
  | { kind: 'pause'; nth: number; ms: number }
  /** Batch does not show what is younger than this. */
  | { kind: 'lag'; ms: number }
  /** Indexes show what was true so long ago. */
  | { kind: 'stale'; ms: number }
  /** The clocks of the how manieth executions are off. */
  | { kind: 'skew'; by: string; ms: number }

type Of<Kind extends Fault['kind']> = Extract<Fault, { kind: Kind }>

/** Strikes where the story says, until it is over. */
export class Troubles {
  /** How often each of the actors was struck. */
  readonly struck = new Map<string, number>()
  #isOver = false
  readonly #faults: readonly Fault[]
  readonly #calls = new Map<string, Trouble>()
  readonly #counts = new Map<string, number>()
  readonly #events = new Map<number, Of<'event'>>()
  readonly #pauses = new Map<number, number>()
  #releases = 0

  constructor(faults: readonly Fault[]) {
    this.#faults = faults
    for (const fault of faults) {
      if (fault.kind === 'call') this.#calls.set(`${fault.by} ${fault.nth}`, fault.trouble)
      if (fault.kind === 'process') this.#calls.set(`worker${fault.process} ${fault.nth}`, fault.trouble)
      if (fault.kind === 'slack') this.#calls.set(`slack ${fault.nth}`, fault.trouble)
      if (fault.kind === 'event') this.#events.set(fault.nth, fault)
      if (fault.kind === 'pause') this.#pauses.set(fault.nth, fault.ms)
    }
  }

  end(): void {
    this.#isOver = true
  }

  of<Kind extends Fault['kind']>(kind: Kind): Of<Kind>[] {
    return this.#faults.filter((fault): fault is Of<Kind> => fault.kind === kind)
  }

  /** In ms, of `lag` or `stale`. */
  longest(kind: 'lag' | 'stale'): number {
    return this.#isOver ? 0 : Math.max(0, ...this.of(kind).map(({ ms }) => ms))
  }

  /** What becomes of an attempt at a partition. */
  fateOf(attempted: Attempted): Fate | undefined {
    if (this.#isOver) return undefined
    const misfortunes = this.of('work').map(({ misfortune }) => misfortune)
    return fateOf(misfortunes, attempted)
  }

  strike({ by, name }: PortCall, life: Life): Trouble | undefined {
    if (this.#isOver) return undefined
    const trouble =
      life.nth === undefined
        ? (this.#next(by) ?? (name === 'chat.post' ? this.#next('slack') : undefined))
        : this.#calls.get(`worker${life.nth} ${life.calls}`)
    if (trouble) this.struck.set(by, (this.struck.get(by) ?? 0) + 1)
    return trouble
  }

  #next(who: string): Trouble | undefined {
    const count = (this.#counts.get(who) ?? 0) + 1
    this.#counts.set(who, count)
    return this.#calls.get(`${who} ${count}`)
  }

  /** The first event is in a queue until it is done; those after it may be lost, says the promise. */
  copies({ number, step }: Delivery): number {
    const fault = this.#isOver ? undefined : this.#events.get(number)
    return fault === undefined ? 1 : Math.max(fault.copies, step === 'partition' ? 1 : 0)
  }

  delayMs({ number }: Pick<Delivery, 'number'>): number {
    return (this.#isOver ? undefined : this.#events.get(number)?.delayMs) ?? 0
  }

  pauseMs(): number {
    return (this.#isOver ? undefined : this.#pauses.get(this.#releases++)) ?? 0
  }

  skewMs({ by }: Life): number {
    return this.#isOver
      ? 0
      : this.of('skew').reduce((sum, fault) => sum + (fault.by === by ? fault.ms : 0), 0)
  }
}
