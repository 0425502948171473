/** Deleting S3 objects by the thousand. */
import { DeleteObjectCommand, DeleteObjectsCommand, type S3Client } from '@aws-sdk/client-s3'
import { MillraceError } from '../errors.ts'
import type { ObjectRef } from '../ports.ts'
import { awsFault } from './faults.ts'

/** S3's limit for one call. */
const keysPerCallMax = 1000
/** Shown of a longer list. */
const namedMax = 5
/** The call's XML cannot carry these, nor keep a carriage return. */
const notInXml = /[\p{Cc}\ufffe\uffff]/u
const passing: Readonly<Record<string, 'THROTTLED' | 'TEMPORARY_FAILURE'>> = {
  SlowDown: 'THROTTLED',
  InternalError: 'TEMPORARY_FAILURE',
  ServiceUnavailable: 'TEMPORARY_FAILURE',
}

/** Tries all; errors: THROTTLED, TEMPORARY_FAILURE or REQUEST_REFUSED naming the first keys that are still there. */
export async function removeObjects(client: S3Client, refs: ObjectRef[]): Promise<void> {
  for (const [bucket, keys] of byBucket(refs)) {
    const plain = keys.filter(key => !notInXml.test(key))
    for (let at = 0; at < plain.length; at += keysPerCallMax) {
      await removeMany(client, bucket, plain.slice(at, at + keysPerCallMax))
    }
    for (const key of keys.filter(one => notInXml.test(one))) await removeOne(client, bucket, key)
  }
}

function byBucket(refs: ObjectRef[]): Map<string, string[]> {
  const buckets = new Map<string, string[]>()
  for (const { bucket, key } of refs) {
    const keys = buckets.get(bucket)
    if (keys) keys.push(key)
    else buckets.set(bucket, [key])
  }
  return buckets
}

async function removeMany(client: S3Client, bucket: string, keys: string[]): Promise<void> {
  const command = new DeleteObjectsCommand({
    Bucket: bucket,
    Delete: { Objects: keys.map(key => ({ Key: key })), Quiet: true },
  })
  const failed = await answered(async () => (await client.send(command)).Errors ?? [])
  // Servers that are not S3 report what is not there; for us that is done.
  const left = failed.filter(({ Code }) => Code !== 'NoSuchKey')
  const [first] = left
  if (first === undefined) return
  const names = left.slice(0, namedMax).map(({ Key, Code }) => `${Key} (${Code})`)
  throw new MillraceError(
    passing[first.Code ?? ''] ?? 'REQUEST_REFUSED',
    `S3 left ${left.length} of ${keys.length} objects in ${bucket}: ${names.join(', ')}.`,
    { remedy: 'Removing them again is safe; if it is denied, look at the role and the bucket policy.' },
  )
}

async function removeOne(client: S3Client, bucket: string, key: string): Promise<void> {
  await answered(() => client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })))
}

async function answered<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call()
  } catch (error) {
    throw awsFault('S3 DeleteObjects', error)
  }
}
