/** EventBridge on one machine: which rules match an event, and so which queues get it. */
import { MillraceError } from '../../shared/errors.ts'
import type { Wiring } from '../serverless/wiring.ts'
import { defaultBus, type Envelope } from './envelope.ts'
import { compilePattern, type EventTest } from './event-pattern.ts'
import type { Queues } from './queues.ts'

export interface Router {
  /**
   * Into the queues of every target of every matching rule, all in one transaction; on disk when it returns. An
   * event that no rule wants is dropped, as AWS does. Answers how many messages were queued.
   * Errors: MALFORMED for an event over EventBridge's size.
   */
  putEvents(envelopes: readonly Envelope[], bus?: string): number
}

/** PutEvents' limit of an entry. */
const eventBytesMax = 256 * 1024

/** Errors: CONFIG_INVALID for a pattern EventBridge would refuse, with its path. */
export function createRouter({ rules, queues: declared }: Wiring, queues: Queues): Router {
  const delays = new Map(declared.map(queue => [queue.name, queue.delayMs]))
  const compiled = rules.map(rule => ({
    ...rule,
    test: compilePattern(rule.pattern, `${rule.name}.pattern`),
  }))
  const outgoing = (envelope: Envelope, bus: string): { queue: string; body: string; delayMs: number }[] => {
    const body = JSON.stringify(envelope)
    refuseTooBig(envelope, body)
    return targetsOf(envelope, bus, compiled).map(queue => ({ queue, body, delayMs: delays.get(queue) ?? 0 }))
  }
  return {
    putEvents: (envelopes, bus = defaultBus) => {
      const messages = envelopes.flatMap(envelope => outgoing(envelope, bus))
      queues.send(messages)
      return messages.length
    },
  }
}

function targetsOf(
  envelope: Envelope,
  bus: string,
  rules: readonly { bus: string; targets: string[]; test: EventTest }[],
): string[] {
  return rules.filter(rule => rule.bus === bus && rule.test(envelope)).flatMap(rule => rule.targets)
}

function refuseTooBig(envelope: Envelope, body: string): void {
  const bytes = Buffer.byteLength(body)
  if (bytes <= eventBytesMax) return
  throw new MillraceError(
    'MALFORMED',
    `An event '${envelope['detail-type']}' has ${bytes} bytes; EventBridge takes ${eventBytesMax}`,
  )
}
