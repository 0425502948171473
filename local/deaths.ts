/** Deaths that a test asks for: a process, or one call of a function, ends before or after it called a port. */
import { writeSync } from 'node:fs'
import { MillraceError } from '../shared/errors.ts'
import { seededRandom } from '../shared/memory/clock.ts'
import type { Ports } from '../shared/ports.ts'
import type { World } from '../shared/world.ts'

export interface Moment {
  when: 'before' | 'after'
  /** As in `records.update`. */
  call: string
  /** Counts the calls of that name, from 1. */
  nth: number
}

/** Time is no call. */
const callsOf = {
  objects: ['head', 'read', 'write', 'list', 'remove'],
  records: ['get', 'put', 'update', 'query'],
  jobs: ['submit', 'find', 'describe', 'failures', 'terminate'],
  bus: ['publish', 'publishAt'],
  chat: ['post'],
} as const

/** The same ports; `at` is awaited on either side of each call. */
export function watched<Given extends Partial<Ports>>(ports: Given, at: (moment: Moment) => unknown): Given {
  const counts = new Map<string, number>()
  const through = (name: string, port: object, methods: readonly string[]): object =>
    new Proxy(port, {
      get(target, method) {
        const found: unknown = Reflect.get(target, method)
        if (typeof found !== 'function' || !methods.includes(String(method))) return found
        return async (...given: unknown[]) => {
          const call = `${name}.${String(method)}`
          const nth = (counts.get(call) ?? 0) + 1
          counts.set(call, nth)
          await at({ when: 'before', call, nth })
          const answer: unknown = await found.apply(target, given)
          await at({ when: 'after', call, nth })
          return answer
        }
      },
    })
  const wrapped = Object.entries(callsOf).flatMap(([name, methods]) => {
    const port = ports[name as keyof typeof callsOf]
    return port === undefined ? [] : [[name, through(name, port, methods)]]
  })
  return { ...ports, ...Object.fromEntries(wrapped) }
}

/** `die after objects.write 2`: what a process is asked by its environment. */
export function deathFrom(asked: string | undefined): Moment | undefined {
  const [, when, call, nth] = /^die (before|after) (\w+[.]\w+) (\d+)$/.exec(asked ?? '') ?? []
  return when && call && nth ? { when: when as Moment['when'], call, nth: Number(nth) } : undefined
}

/** The process kills itself at that moment: nothing of it runs on, as under `kill -9`. */
export function dyingAt<Given extends Partial<Ports>>(ports: Given, death: Moment): Given {
  return watched(ports, ({ when, call, nth }) => {
    if (when !== death.when || call !== death.call || nth !== death.nth) return
    writeSync(1, `${JSON.stringify({ level: 'WARN', message: 'dies, as asked', when, call, nth })}\n`)
    process.kill(process.pid, 'SIGKILL')
  })
}

/** For one invocation: its world, and a promise that is rejected when it dies. */
export type Mortal = (world: World) => { world: World; died: Promise<never> }

/**
 * `0.01 7`: each side of each call of a port is the last with this chance, drawn from this seed. What died calls no
 * port any more: the call that it waits for never comes back to it.
 */
export function mortalFrom(asked: string | undefined): Mortal | undefined {
  const [, chance, seed] = /^(0?[.]\d+) (\d+)$/.exec(asked ?? '') ?? []
  if (chance === undefined || seed === undefined) return undefined
  const random = seededRandom(Number(seed))
  return world => {
    const { promise: died, reject } = Promise.withResolvers<never>()
    let dead = false
    const at = ({ when, call }: Moment): unknown => {
      if (!dead && random() >= Number(chance)) return undefined
      if (!dead) reject(new MillraceError('TEMPORARY_FAILURE', `died ${when} ${call}, as asked`))
      dead = true
      return new Promise(() => {})
    }
    return { world: watched(world, at), died }
  }
}
