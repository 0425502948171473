/** Where a pipeline takes its objects from: the stage's drops bucket, or one of the user's. Pure. */
import * as z from 'zod'
import { localConfig } from '../config.ts'
import { reservedPrefixes } from '../reserved.ts'

/** Folders beside them are the user's buckets on the local stage. */
const localBuckets = Object.values(localConfig('', '').buckets)

const bucketName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, {
    error: "must be a bucket's name: 3 to 63 of a-z, 0-9, - and ., with a letter or digit at both ends",
  })
  .refine(name => !name.includes('..') && !/^\d+\.\d+\.\d+\.\d+$/.test(name), {
    error: "must be a bucket's name: no two dots in a row, and no IP address",
  })
  .refine(name => !localBuckets.includes(name), {
    error: `must be a bucket of yours, not ${localBuckets.join(', ')}: so the local stage calls its own`,
  })

/** Keys below it are taken; '' is all of a bucket, which only `bucket` allows. */
const sourcePrefix = z
  .string()
  .max(512)
  .refine(text => !text.startsWith('/'), { error: 'must not start with a slash' })
  .refine(text => text === '' || text.endsWith('/'), { error: 'must end with a slash' })

export const placeSettings = {
  /** An existing bucket of the same account and Region that tells EventBridge; default: the stage's drops bucket. */
  bucket: bucketName.optional(),
  /** Of that bucket, where its objects are encrypted with a KMS key of yours. */
  kmsKeyArn: z
    .string()
    .regex(/^arn:aws(-[a-z]+)*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/, {
      error: "must be a key's Arn, as arn:aws:kms:eu-central-1:123456789012:key/...; no alias",
    })
    .optional(),
  prefix: sourcePrefix,
}

interface Place {
  bucket?: string | undefined
  kmsKeyArn?: string | undefined
  prefix: string
}

/** What the place's settings say against one another. */
export function placeFaults({ bucket, kmsKeyArn, prefix }: Place): { key: keyof Place; fault: string }[] {
  if (bucket !== undefined) return []
  const faults: { key: keyof Place; fault: string }[] = []
  if (prefix === '') faults.push({ key: 'prefix', fault: 'must not be empty without source.bucket' })
  if (reservedPrefixes.some(reserved => prefix.startsWith(reserved)))
    faults.push({ key: 'prefix', fault: `must not lie below ${reservedPrefixes.join(' or ')}` })
  if (kmsKeyArn !== undefined)
    faults.push({
      key: 'kmsKeyArn',
      fault: 'is of no use without source.bucket: the drops bucket has its own key',
    })
  return faults
}
