/** Lambda on one machine: takes from the queues, calls the real handlers, and answers for what failed. */
import type { Log } from '../../shared/ports.ts'
import type { Message, Queues, Redrive } from '../events/queues.ts'
import { eventQueue, type FunctionWiring, type QueueSource, type Wiring } from '../serverless/wiring.ts'
import { failureRecord, sqsEvent } from './event.ts'
import { type InvokeOptions, Invoker } from './invoke.ts'

export interface LambdaOptions extends InvokeOptions {
  wiring: Wiring
  queues: Queues
  log: Log
}

/** A batching window saves invocations in AWS; here it would only make a person wait. */
const windowMsMax = 200
/** A failed message comes back after 1, 2, 4 ... s, but never later than its queue's visibility time-out. */
const retryDelayMs = 1000
/** Longer than the function may run, so that a message in work is never received twice by this process. */
const visibilityMarginMs = 60_000

export interface LambdaRuntime {
  /** Takes nothing new and resolves when every running invocation has ended. */
  stop(): Promise<void>
}

/** One batch at a time per function; functions run side by side. */
export function startLambda(options: LambdaOptions): LambdaRuntime {
  const loops = options.wiring.functions.map(lambda => new FunctionLoop(lambda, options))
  const running = loops.map(loop => loop.run())
  return {
    stop: async () => {
      for (const loop of loops) loop.stop()
      await Promise.all(running)
    },
  }
}

class FunctionLoop {
  readonly #lambda: FunctionWiring
  readonly #options: LambdaOptions
  readonly #invoker: Invoker
  readonly #redrives: Map<string, Redrive | undefined>
  #stopped = false
  #woken = Promise.withResolvers<void>()

  constructor(lambda: FunctionWiring, options: LambdaOptions) {
    this.#lambda = lambda
    this.#options = options
    this.#invoker = new Invoker(lambda, options)
    this.#redrives = new Map(options.wiring.queues.map(queue => [queue.name, queue.redrive]))
  }

  async run(): Promise<void> {
    const { queues, heartbeat } = this.#options
    const unsubscribe = [queues.on('sent', () => this.#wake()), heartbeat.onBeat(() => this.#wake())]
    while (!this.#stopped) {
      this.#woken = Promise.withResolvers<void>()
      const worked = await this.#workOnce().catch((error: unknown) => this.#survive(error))
      if (!worked && !this.#stopped) await this.#woken.promise
    }
    for (const end of unsubscribe) end()
  }

  stop(): void {
    this.#stopped = true
    this.#wake()
  }

  #wake(): void {
    this.#woken.resolve()
  }

  /** A fault of the machinery itself: the message stays in its queue and the loop goes on at the next beat. */
  #survive(error: unknown): boolean {
    this.#options.log.error('the local Lambda runtime failed', { function: this.#lambda.name, error })
    return false
  }

  /** True where there was something to do. */
  async #workOnce(): Promise<boolean> {
    let worked = await this.#workEvent()
    for (const source of this.#lambda.queues) {
      if (!this.#stopped && (await this.#workBatch(source))) worked = true
    }
    return worked
  }

  async #workBatch(source: QueueSource): Promise<boolean> {
    const { queues, clock } = this.#options
    const waiting = queues.waiting(source.queue, source.batchSize)
    if (waiting === 0) return false
    if (waiting < source.batchSize && source.windowMs > 0) {
      await clock.sleep(Math.min(source.windowMs, windowMsMax))
    }
    const visibilityMs = this.#lambda.timeoutMs + visibilityMarginMs
    const messages = queues.receive(
      source.queue,
      source.batchSize,
      visibilityMs,
      this.#redrives.get(source.queue),
    )
    if (messages.length === 0) return false
    const failed = await this.#invoker.invoke(sqsEvent(messages)).then(
      result => (source.reportsFailures ? failedIds(result, messages) : new Set<string>()),
      (error: unknown) => this.#allFailed(messages, error),
    )
    queues.remove(messages.filter(one => !failed.has(one.messageId)).map(one => one.receipt))
    for (const one of messages.filter(({ messageId }) => failed.has(messageId))) this.#bringBack(one)
    return true
  }

  #allFailed(messages: readonly Message[], error: unknown): Set<string> {
    this.#options.log.warn('a function failed', {
      function: this.#lambda.name,
      messages: messages.length,
      error,
    })
    return new Set(messages.map(one => one.messageId))
  }

  #bringBack(message: Message): void {
    const queue = this.#options.wiring.queues.find(one => one.name === message.queue)
    const delayMs = retryDelayMs * 2 ** Math.min(message.receives - 1, 20)
    this.#options.queues.changeVisibility(message.receipt, Math.min(delayMs, queue?.visibilityMs ?? delayMs))
  }

  /** An event without a queue of its own in serverless.yml: Lambda's asynchronous invocation. */
  async #workEvent(): Promise<boolean> {
    const { queues } = this.#options
    const [message] = queues.receive(
      eventQueue(this.#lambda.name),
      1,
      this.#lambda.timeoutMs + visibilityMarginMs,
    )
    if (message === undefined) return false
    await this.#invoker.invoke(JSON.parse(message.body)).then(
      () => queues.remove([message.receipt]),
      (error: unknown) => this.#eventFailed(message, error),
    )
    return true
  }

  #eventFailed(message: Message, error: unknown): void {
    const { queues, clock, log } = this.#options
    const { name, retriesMax, failureQueue } = this.#lambda
    const fields = { function: name, attempt: message.receives, error }
    if (message.receives <= retriesMax) {
      log.warn('a function failed and is called again', fields)
      queues.changeVisibility(message.receipt, retryDelayMs * 2 ** (message.receives - 1))
      return
    }
    log.error('a function failed for the last time', { ...fields, failureQueue })
    if (failureQueue === undefined) queues.exchange(message.receipt)
    else {
      const body = JSON.stringify(failureRecord(this.#lambda, message, error, clock.now()))
      queues.exchange(message.receipt, { queue: failureQueue, body })
    }
  }
}

/**
 * Lambda's reading of `{ batchItemFailures: [{ itemIdentifier }] }`: no result or an empty list is success; an
 * identifier that is empty or not of this batch fails the whole batch.
 */
export function failedIds(result: unknown, messages: readonly { messageId: string }[]): Set<string> {
  const failures = (result as { batchItemFailures?: { itemIdentifier?: unknown }[] } | undefined | null)
    ?.batchItemFailures
  if (failures === undefined || failures === null) return new Set()
  const sent = new Set(messages.map(one => one.messageId))
  const failed = failures.map(one => one?.itemIdentifier)
  return failed.every(id => typeof id === 'string' && sent.has(id)) ? new Set(failed as string[]) : sent
}
