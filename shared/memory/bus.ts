/** EventBridge in memory: keeps what was published, and holds back what is not yet due. */
import type { Bus, Clock, OwnEvent } from '../ports.ts'

export interface MemoryBus extends Bus {
  /** Everything that was delivered so far, in the order of publishing; taken ones too. */
  readonly events: readonly OwnEvent[]
  /** Held back until `dueAt` (epoch ms), soonest first. */
  held(): { event: OwnEvent; dueAt: number }[]
  /** Epoch ms of the soonest that is held back; `Infinity`: there is none. */
  nextDueAt(): number
  /** What is new since the last call, with what has become due by the clock; each event once. */
  take(): OwnEvent[]
}

export function createMemoryBus(clock: Clock): MemoryBus {
  const events: OwnEvent[] = []
  let held: { event: OwnEvent; dueAt: number }[] = []
  let taken = 0
  const release = (): void => {
    if (held.length === 0) return
    const now = clock.now()
    events.push(...held.filter(({ dueAt }) => dueAt <= now).map(({ event }) => event))
    held = held.filter(({ dueAt }) => dueAt > now)
  }
  return {
    get events() {
      release()
      return events
    },
    held: () => {
      release()
      return held.map(({ event, dueAt }) => ({ event: copyOf(event), dueAt }))
    },
    nextDueAt: () => held[0]?.dueAt ?? Infinity,
    take: () => {
      release()
      const fresh = events.slice(taken)
      taken = events.length
      return fresh.map(copyOf)
    },
    publish: async event => {
      events.push(copyOf(event))
    },
    publishAt: async (event, dueAt) => {
      held.push({ event: copyOf(event), dueAt })
      held.sort((one, other) => one.dueAt - other.dueAt)
    },
  }
}

/** Events are JSON, for which this is quicker than structuredClone. */
function copyOf(event: OwnEvent): OwnEvent {
  return JSON.parse(JSON.stringify(event)) as OwnEvent
}
