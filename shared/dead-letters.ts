/** What was given up on, what is known of it, and the way back. Pure. */
import * as z from 'zod'
import {
  type Envelope,
  isOwnEvent,
  isScheduledEvent,
  parseJobEnd,
  parseObjectCreated,
  parseOwnEvent,
  parseScheduleDue,
} from './events.ts'
import type { Pipeline } from './pipeline.ts'
import { pipelineFor, runIdOf } from './plan.ts'
import type { OwnEvent } from './ports.ts'
import { tickSource } from './ticks.ts'
import { EventType, type FunctionName, functionNames, ownSource } from './vocabulary.ts'

/** The dead-letter queues, by their names in infra/events.yml; of two of them, who could not do what they hold. */
export const deadLetterQueues = {
  DropsDlq: { function: 'partition' },
  JobsDlq: { function: 'track' },
  /** Of the functions that are called directly. */
  FunctionsDlq: {},
} as const satisfies Record<string, { function?: FunctionName }>
export type DeadLetterQueue = keyof typeof deadLetterQueues

/** A message as its queue holds it. */
export interface DeadLetter {
  queue: DeadLetterQueue
  messageId: string
  body: string
  /** Epoch ms of when it was first sent. */
  sentAt: number
  /** By how many receives it was taken in all queues; in AWS a look into the dead letters is one too. */
  receives: number
  /** EventBridge says in these why it could not deliver. */
  attributes?: Record<string, string>
}

/** `queue`: the one that gave it up. `nowhere`: it need not be done any more. `unknown`: it stays. */
export type WayBack =
  | { to: 'queue' }
  | { to: 'bus'; event: OwnEvent }
  | { to: 'nowhere'; why: string }
  | { to: 'unknown'; why: string }

export interface Redriven {
  letter: DeadLetter
  to: WayBack['to']
}

/** At least once: what fails in between stays among the dead letters, and may have been put back. */
export interface DeadLetters {
  /** Looks, at most `max`; takes nothing away. */
  list(queue: DeadLetterQueue, max: number): Promise<DeadLetter[]>
  /** Puts at most `max` back where `wayBack` says. */
  redrive(queue: DeadLetterQueue, max: number): Promise<Redriven[]>
}

/** What a letter tells of itself. Absent: it does not say. */
export interface LetterFacts {
  function?: FunctionName
  /** `Object Created`, `Round Due`, ... */
  event?: string
  runId?: string
  pipeline?: string
  key?: string
  /** How often it was tried. */
  tries: number
  /** The first line of what went wrong. */
  error?: string
  wayBack: WayBack
}

const errorCharsMax = 200

/** What Lambda sends to the on-failure destination of an asynchronous call. */
const failureRecord = z.object({
  requestContext: z.object({ functionArn: z.string(), approximateInvokeCount: z.number().int() }),
  requestPayload: z.unknown(),
  responsePayload: z
    .object({ errorType: z.string().optional(), errorMessage: z.string().optional() })
    .nullish(),
})

/** What tells which run a drop would have become. */
export interface Takers {
  pipelines: readonly Pipeline[]
  dropsBucket: string
}
const nobody: Takers = { pipelines: [], dropsBucket: '' }

export function factsOf(letter: DeadLetter, takers: Takers = nobody): LetterFacts {
  const { queue, attributes = {}, receives } = letter
  const body = parsed(letter.body)
  const record = failureRecord.safeParse(body).data
  const event = tickOf(body) ?? (record ? record.requestPayload : body)
  const known: { function?: FunctionName } = deadLetterQueues[queue]
  const by = known.function ?? functionOf(record?.requestContext.functionArn ?? attributes.TARGET_ARN, event)
  const error = record ? wordsOf(record.responsePayload) : attributes.ERROR_MESSAGE
  const type = (event as Partial<Envelope> | null | undefined)?.['detail-type']
  const undelivered = Number(attributes.RETRY_ATTEMPTS ?? receives - 1) + 1
  return {
    ...(by === undefined ? {} : { function: by }),
    ...(typeof type === 'string' ? { event: type } : {}),
    ...subjectOf(event, takers),
    tries: record?.requestContext.approximateInvokeCount ?? undelivered,
    ...(error === undefined ? {} : { error: firstLine(error) }),
    wayBack: backFrom(queue, event, by),
  }
}

/** Scheduler gives up what it was told to send: the detail of an event that never was. */
function tickOf(body: unknown): unknown {
  const event = { source: ownSource, 'detail-type': EventType.scheduleDue, detail: body }
  try {
    parseScheduleDue(event)
    return event
  } catch {
    return undefined
  }
}

export function wayBack(letter: DeadLetter): WayBack {
  return factsOf(letter).wayBack
}

function backFrom(queue: DeadLetterQueue, event: unknown, by: FunctionName | undefined): WayBack {
  if (queue !== 'FunctionsDlq') return { to: 'queue' }
  if (isOwnEvent(event)) {
    const own = event as { 'detail-type': EventType; detail: OwnEvent['detail'] }
    if (Object.values(EventType).includes(own['detail-type'])) {
      return { to: 'bus', event: { type: own['detail-type'], detail: own.detail } }
    }
  }
  if (by === 'reconcile') {
    return { to: 'nowhere', why: 'reconcile comes every five minutes: a later one has done the same' }
  }
  return { to: 'unknown', why: 'it is no event of ours' }
}

type Subject = Pick<LetterFacts, 'runId' | 'pipeline' | 'key'>

/** A letter may be of any shape: that is why it is there. */
function subjectOf(event: unknown, takers: Takers): Subject {
  const reads = [ownSubject, tickSubject, jobSubject, dropSubject]
  for (const read of reads) {
    try {
      const subject = read(event, takers)
      if (subject !== undefined) return subject
    } catch {
      // Not of that shape.
    }
  }
  return {}
}

function ownSubject(event: unknown): Subject {
  const { runId, pipeline } = parseOwnEvent(event)
  return { runId, pipeline }
}

function tickSubject(event: unknown, { dropsBucket }: Takers): Subject {
  const tick = parseScheduleDue(event)
  return { pipeline: tick.pipeline, runId: runIdOf(tick.pipeline, tickSource(dropsBucket, tick), '') }
}

function jobSubject(event: unknown): Subject | undefined {
  const runId = parseJobEnd(event)?.tie.runId
  return runId === undefined ? undefined : { runId }
}

function dropSubject(event: unknown, { pipelines, dropsBucket }: Takers): Subject {
  const { source, identity } = parseObjectCreated(event)
  const pipeline = pipelineFor(pipelines, source, dropsBucket)?.name
  if (pipeline === undefined) return { key: source.key }
  return { key: source.key, pipeline, runId: runIdOf(pipeline, source, identity) }
}

function functionOf(arn: string | undefined, event: unknown): FunctionName | undefined {
  if (isScheduledEvent(event)) return 'reconcile'
  const [, name] = /:function:(?:[A-Za-z0-9_-]*-)?([a-z]+)(?::|$)/.exec(arn ?? '') ?? []
  return functionNames.find(one => one === name)
}

function wordsOf(response: z.output<typeof failureRecord>['responsePayload']): string | undefined {
  return [response?.errorType, response?.errorMessage].filter(Boolean).join(': ') || undefined
}

function firstLine(words: string): string {
  return (words.split('\n', 1)[0] ?? '').slice(0, errorCharsMax)
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
