/** Events on their way from whoever sent them to the doors that they open. */
import { ownEnvelope } from '../local/events/envelope.ts'
import type { MemoryBus } from '../shared/memory/bus.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import type { Clock } from '../shared/ports.ts'
import type { Deliveries } from './deliveries.ts'
import type { PortCall } from './port-calls.ts'
import { routesOf } from './routes.ts'

export class Mail {
  readonly #deliveries: Deliveries
  readonly #opened: ReturnType<typeof routesOf>
  readonly #own: { bus: MemoryBus; name: string; clock: Clock }
  /** By the text of their own events. */
  readonly #senders = new Map<string, string>()

  constructor(
    deliveries: Deliveries,
    own: { bus: MemoryBus; name: string; clock: Clock },
    pipelines: readonly Pipeline[],
  ) {
    this.#opened = routesOf(pipelines)
    this.#deliveries = deliveries
    this.#own = own
  }

  /** Of S3 and Batch. */
  foreign(bus: string, event: unknown): void {
    for (const step of this.#opened(bus, event)) this.#deliveries.enqueue(step, event)
  }

  /** Looks who sends what. */
  called({ name, subject, by }: PortCall): void {
    if (name.startsWith('bus.')) this.#senders.set(JSON.stringify(subject), by)
  }

  /** What has been published since, and has become due. */
  collect(): void {
    const { bus, name, clock } = this.#own
    for (const event of bus.take()) {
      const envelope = ownEnvelope(event, clock.now())
      const by = this.#senders.get(JSON.stringify(event)) ?? ''
      for (const step of this.#opened(name, envelope)) this.#deliveries.enqueue(step, envelope, by)
    }
  }
}
