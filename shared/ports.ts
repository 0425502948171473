/**
 * What the house needs of the world, in our words. Three implementations pass one contract suite
 * (test/contract/): shared/aws/ on the AWS SDK, local/ on one machine, shared/memory/ for the simulator.
 */
import type { Readable } from 'node:stream'
import type { Jobs } from './job-port.ts'
import type { Change, Guard, Item, Json, Outcome, Query, RecordKey } from './table.ts'
import type { EventType } from './vocabulary.ts'

// --- Objects: S3
export interface ObjectRef {
  bucket: string
  /** Raw, never URL-encoded. Up to 1,024 bytes of UTF-8. */
  key: string
}

/** Bytes from `start` up to and not including `end`. */
export interface ByteRange {
  start: number
  end: number
}

export interface ObjectInfo {
  bytes: number
  etag: string
  /** Absent where the bucket keeps no versions. */
  version?: string
  /** User metadata, names in lower case. */
  metadata: Record<string, string>
}

export interface ListedObject {
  key: string
  bytes: number
  etag: string
  /** Epoch ms: when its current version was written. */
  modifiedAt: number
}

export type ObjectBody = Uint8Array | { file: string }

export interface WriteOptions {
  /** Refuse with OBJECT_EXISTS where the key is taken (S3: If-None-Match: *). */
  once?: boolean
  metadata?: Record<string, string>
  contentType?: string
}

export interface ReadOptions {
  /** Default: the whole object. An end beyond the object is cut to its size; an empty range reads nothing. */
  range?: ByteRange
  /** Refuse with SOURCE_CHANGED unless the object is still this one. */
  etag?: string
  version?: string
}

export interface Objects {
  head(ref: ObjectRef, version?: string): Promise<ObjectInfo | undefined>
  /** Streams bytes. Errors: OBJECT_MISSING, SOURCE_CHANGED (also in mid-stream), THROTTLED. */
  read(ref: ObjectRef, options?: ReadOptions): Promise<Readable>
  /** All or nothing: a reader never sees half of a body. Errors: OBJECT_EXISTS, THROTTLED. */
  write(ref: ObjectRef, body: ObjectBody, options?: WriteOptions): Promise<ObjectInfo>
  /** Keys in UTF-8 byte order, at most 1,000 a page; `next` goes into `after`. */
  list(bucket: string, prefix: string, after?: string): Promise<{ objects: ListedObject[]; next?: string }>
  /** Removing what is not there is no error. */
  remove(refs: ObjectRef[]): Promise<void>
}

// --- Records: DynamoDB
/**
 * Attribute names are plain letters and digits. Index keys are ordinary attributes:
 * `open` + `openSk` for index `open`, `pipeline` + `pipelineSk` for index `pipeline`; an item without them
 * is not in that index.
 */
export interface Records {
  /** Strongly consistent. */
  get(key: RecordKey): Promise<Item | undefined>
  /** Replaces the whole item. */
  put(item: Item, guard?: Guard): Promise<Outcome>
  /** Creates the item where it is absent and the guard holds. */
  update(key: RecordKey, change: Change, guard?: Guard): Promise<Outcome>
  /** At most `limit` items (default 1,000) or 1 MiB a page, in order of the sort key. */
  query(query: Query): Promise<{ items: Item[]; next?: string }>
}

// --- Jobs: AWS Batch
export type { FailedChild, Job, JobRequest, Jobs } from './job-port.ts'

// --- Bus: EventBridge
export interface OwnEvent {
  type: EventType
  detail: {
    /** Absent of what is about no run: an expectation. */
    runId?: string
    pipeline: string
    round?: number
    state?: string
    [name: string]: Json | undefined
  }
}

export interface Bus {
  /** At least once, in no order. */
  publish(event: OwnEvent): Promise<void>
  /** The same, not before `dueAt` (epoch ms). */
  publishAt(event: OwnEvent, dueAt: number): Promise<void>
}

// --- Chat: Slack
export interface ChatMessage {
  channel: string
  /** Shown in notifications and where blocks are not. */
  text: string
  blocks: Json[]
  /** Replies in that thread. */
  threadTs?: string
}

export interface Chat {
  /**
   * `ts` names the message; an incoming webhook gives none.
   * Errors: THROTTLED with `retryAfterMs`, CHAT_REFUSED (the remedy names the setting), TEMPORARY_FAILURE.
   */
  post(message: ChatMessage): Promise<{ ts?: string }>
}

// --- Clock: time and chance
export interface Clock {
  /** Epoch ms. */
  now(): number
  /** An aborted `signal` may end the sleep early; who hands one in looks at it afterwards. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** From 0 up to and not including 1. */
  random(): number
}

export interface Log {
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}

export interface Ports {
  objects: Objects
  records: Records
  jobs: Jobs
  bus: Bus
  chat: Chat
  clock: Clock
}
