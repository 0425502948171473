/** Every call of a port passes one place, so that it can be counted, ordered, and made to fail. */
import { isoTime } from '../shared/clock.ts'
import type { Ports } from '../shared/ports.ts'
import type { Trouble } from './trouble.ts'

/** By whom: one whose calls wait for nobody's turn. */
export const person = 'person'

export interface PortCall {
  /** Who called: a function's name, or `worker`. */
  by: string
  /** As in `records.update`. */
  name: string
  /** Its first two arguments, for looking at. */
  subject: unknown
  options: unknown
}

export type Interpose = (call: PortCall, act: () => Promise<unknown>) => Promise<unknown>

/** The same ports, each call of which goes through `interpose`. Time is no call. */
export function interposedPorts(ports: Ports, by: string, interpose: Interpose): Ports {
  const through = <Port extends object>(portName: string, port: Port): Port =>
    new Proxy(port, {
      get(target, method) {
        const found: unknown = Reflect.get(target, method)
        if (typeof found !== 'function') return found
        return (...given: unknown[]) => {
          const call = { by, name: `${portName}.${String(method)}`, subject: given[0], options: given[1] }
          return interpose(call, () => found.apply(target, given) as Promise<unknown>)
        }
      },
    })
  return {
    objects: through('objects', ports.objects),
    records: through('records', ports.records),
    jobs: through('jobs', ports.jobs),
    bus: through('bus', ports.bus),
    chat: through('chat', ports.chat),
    clock: ports.clock,
  }
}

/** How often each was called, by name. */
export function countedCalls(calls: readonly PortCall[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { name } of calls) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** One line of a trace. `nowMs`: epoch ms. */
export function noted(nowMs: number, { by, name, subject }: PortCall, trouble: Trouble | undefined): string {
  const { kind, when, ...more } = trouble ?? {}
  const struck = trouble ? `  <<< ${kind} ${when} ${JSON.stringify(more)}` : ''
  return `${isoTime(nowMs).slice(11, 23)} ${by} ${name} ${JSON.stringify(subject).slice(0, 160)}${struck}`
}
