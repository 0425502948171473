/**
 * Says in X-Ray for which run a function was at work: a subsegment of the segment that Lambda makes itself, with
 * annotations to be found by. One datagram to the daemon beside the function, lost where it does not listen. X-Ray's
 * SDK says no more of it, for 40 ms of every cold start.
 */
import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import type { Environment } from '../../shared/config.ts'
import type { Clock } from '../../shared/ports.ts'
import { type TraceContext, traceContext } from '../../shared/trace.ts'
import type { Marks } from '../../shared/world.ts'

const daemonHeader = '{"format": "json", "version": 1}\n'
/** X-Ray's own limit for a message of an exception is larger; a datagram's is not. */
const messageCharactersMax = 1_000

export type Mark = (marks: Marks) => void

export interface Tracer {
  /** Does the work, and fails as it fails. `mark` adds to what the trace can be found by. */
  trace(name: string, work: (mark: Mark) => Promise<void>): Promise<void>
}

/** @param env read anew at every call: Lambda writes each invocation's trace into it */
export function createTracer({ env, clock }: { env: Environment; clock: Clock }): Tracer {
  const send = toDaemon(env.AWS_XRAY_DAEMON_ADDRESS)
  return {
    trace: async (name, work) => {
      const context = traceContext(env._X_AMZN_TRACE_ID)
      if (!send || !context?.sampled) return work(() => {})
      const segment = begin(name, context, clock)
      try {
        await work(marks => Object.assign(segment.annotations, marks))
      } catch (error) {
        await send({ ...segment, ...failed(error), end_time: seconds(clock) })
        throw error
      }
      await send({ ...segment, end_time: seconds(clock) })
    },
  }
}

function begin(name: string, { root, parent }: TraceContext, clock: Clock) {
  const annotations: Marks = {}
  const ids = { id: segmentId(), trace_id: root, parent_id: parent }
  return { type: 'subsegment', name, ...ids, start_time: seconds(clock), annotations }
}

function failed(error: unknown) {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
  const exception = { id: segmentId(), type: name, message: message.slice(0, messageCharactersMax) }
  return { fault: true, cause: { exceptions: [exception] } }
}

const segmentId = (): string => randomBytes(8).toString('hex')
const seconds = (clock: Clock): number => clock.now() / 1000

/** @param address `<IP address>:<port>`, as Lambda gives it */
function toDaemon(address: string | undefined): ((document: object) => Promise<void>) | undefined {
  const [, host, port] = /^([\d.]+):(\d+)$/.exec(address ?? '') ?? []
  if (host === undefined) return undefined
  let socket: Socket | undefined
  return document =>
    new Promise(resolve => {
      socket ??= createSocket('udp4').on('error', () => {})
      // An open socket is no reason for a process to stay.
      socket.unref()
      // Lambda freezes a function that has answered: what is not sent by then comes with the next invocation.
      socket.send(daemonHeader + JSON.stringify(document), Number(port), host, () => resolve())
    })
}
