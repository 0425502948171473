/** The events that travel on the local buses, in EventBridge's own shape. */
import { isoTime, newId } from '../../shared/clock.ts'
import type { OwnEvent } from '../../shared/ports.ts'
import { ownSource } from '../../shared/vocabulary.ts'

export const localAccount = '000000000000'
export const localRegion = 'us-east-1'
/** Where AWS services put their events. */
export const defaultBus = 'default'

export interface Envelope {
  version: '0'
  id: string
  'detail-type': string
  source: string
  account: string
  /** To the second, as EventBridge writes it. */
  time: string
  region: string
  resources: string[]
  detail: unknown
}

export interface CreatedObject {
  bucket: string
  key: string
  bytes: number
  etag: string
  /** Absent where the bucket keeps none. */
  version?: string
  sequencer: string
}

export function envelope(
  source: string,
  type: string,
  detail: unknown,
  nowMs: number,
  resources: string[] = [],
): Envelope {
  return {
    version: '0',
    id: newId(),
    'detail-type': type,
    source,
    account: localAccount,
    time: `${isoTime(nowMs).slice(0, 19)}Z`,
    region: localRegion,
    resources,
    detail,
  }
}

/** S3's 'Object Created'. The key is raw: EventBridge, unlike S3's direct notifications, does not encode it. */
export function objectCreated(created: CreatedObject, nowMs: number): Envelope {
  const detail = {
    version: '0',
    bucket: { name: created.bucket },
    object: {
      key: created.key,
      size: created.bytes,
      etag: created.etag,
      ...(created.version === undefined ? {} : { 'version-id': created.version }),
      sequencer: created.sequencer,
    },
    'request-id': newId(),
    requester: localAccount,
    'source-ip-address': '127.0.0.1',
    reason: 'PutObject',
  }
  return envelope('aws.s3', 'Object Created', detail, nowMs, [`arn:aws:s3:::${created.bucket}`])
}

export function ownEnvelope(event: OwnEvent, nowMs: number): Envelope {
  return envelope(ownSource, event.type, event.detail, nowMs)
}

/** What EventBridge Scheduler sends where a schedule names no input of its own. */
export function scheduledEvent(schedule: string, nowMs: number): Envelope {
  const arn = `arn:aws:scheduler:${localRegion}:${localAccount}:schedule/default/${schedule}`
  return envelope('aws.scheduler', 'Scheduled Event', '{}', nowMs, [arn])
}
