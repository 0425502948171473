/** EventBridge as the half of our Bus that publishes at once. */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { type Config, environment } from '../config.ts'
import { MillraceError } from '../errors.ts'
import type { Bus, OwnEvent } from '../ports.ts'
import { traceContext, traceHeader } from '../trace.ts'
import { ownSource } from '../vocabulary.ts'
import { clientSettings } from './client-settings.ts'
import { awsFault } from './faults.ts'

/** What PutEvents says of one entry, beside AWS's usual error names. */
const entryFaults: Readonly<Record<string, 'THROTTLED' | 'TEMPORARY_FAILURE'>> = {
  ThrottlingException: 'THROTTLED',
  InternalFailure: 'TEMPORARY_FAILURE',
  InternalException: 'TEMPORARY_FAILURE',
}

export type Publisher = Pick<Bus, 'publish'>

export interface PublisherOptions {
  events: EventBridgeClient
  config: Pick<Config, 'bus'>
  /** X-Ray's, of the work at hand, as Lambda puts it into the environment: whoever gets the event goes on with it. */
  trace?: () => string | undefined
}

export function createPublisher(options: PublisherOptions): Publisher {
  return { publish: event => publish(options, event) }
}

export function openPublisher(config: Config): Publisher {
  const events = new EventBridgeClient(clientSettings('events'))
  return createPublisher({ events, config, trace: () => environment()._X_AMZN_TRACE_ID })
}

async function publish(
  { events, config, trace }: PublisherOptions,
  { type, detail }: OwnEvent,
): Promise<void> {
  const context = traceContext(trace?.())
  const entry = {
    EventBusName: config.bus,
    Source: ownSource,
    DetailType: type,
    Detail: JSON.stringify(detail),
    ...(context && { TraceHeader: traceHeader(context) }),
  }
  const answer = await events.send(new PutEventsCommand({ Entries: [entry] })).catch((error: unknown) => {
    throw awsFault(`PutEvents ${type}`, error)
  })
  // PutEvents answers 200 even where it took nothing.
  if ((answer.FailedEntryCount ?? 0) === 0) return
  const { ErrorCode = 'no code', ErrorMessage = 'no message' } = answer.Entries?.[0] ?? {}
  throw new MillraceError(
    entryFaults[ErrorCode] ?? 'REQUEST_REFUSED',
    `PutEvents ${type}: ${ErrorCode}: ${ErrorMessage}`,
  )
}
