/** Objects in S3. */
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { MillraceError } from '../errors.ts'
import { checkKey, isEmptyRange, listPageMax, lowerCased, nameOf } from '../object-rules.ts'
import type {
  ListedObject,
  ObjectBody,
  ObjectInfo,
  ObjectRef,
  Objects,
  ReadOptions,
  WriteOptions,
} from '../ports.ts'
import { clientSettings } from './client-settings.ts'
import { awsFault } from './faults.ts'
import { isBeyondEnd, isConflict, isMissing, readFault, writeFault } from './object-faults.ts'
import { removeObjects } from './object-removal.ts'
import { checkedStream } from './object-stream.ts'

/** Larger files go up in parts; smaller ones are read whole, so that the client can send them again. */
const singlePutBytesMax = 64 * 1024 * 1024
const partBytesMin = 16 * 1024 * 1024
/** S3's limit. */
const partsMax = 10_000
/** At most this many parts are in memory. */
const partsAtOnce = 3
/** Two conditional writes that meet are both told to come again; the next time one finds the other's object. */
const conflictTriesMax = 5

/**
 * An etag here is S3's, without quotes. Identical content does not always have the same: it depends on the parts of
 * a multipart upload and on the encryption. A `once` write whose answer was lost is repeated by the client and may
 * meet itself as OBJECT_EXISTS: compare what is there before believing in a rival.
 * Errors of every method, beside those of the port: THROTTLED, TEMPORARY_FAILURE, REQUEST_REFUSED.
 */
export function createS3Objects({ client }: { client: S3Client }): Objects {
  return {
    head: (ref, version) => head(client, ref, version),
    read: (ref, options = {}) => read(client, ref, options),
    write: (ref, body, options = {}) => write(client, ref, body, options),
    list: (bucket, prefix, after) => list(client, bucket, prefix, after),
    remove: refs => removeObjects(client, refs),
  }
}

export function openObjects(): Objects {
  return createS3Objects({ client: new S3Client(clientSettings('s3')) })
}

async function head(client: S3Client, ref: ObjectRef, version?: string): Promise<ObjectInfo | undefined> {
  try {
    const found = await client.send(new HeadObjectCommand({ ...named(ref), ...versioned(version) }))
    const { ContentLength = 0, ETag, VersionId, Metadata } = found
    return infoOf({ ETag, VersionId }, ContentLength, Metadata)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw awsFault('S3 HeadObject', error)
  }
}

async function read(client: S3Client, ref: ObjectRef, options: ReadOptions): Promise<Readable> {
  const { range, etag, version } = options
  if (isEmptyRange(range)) return Readable.from([])
  const command = new GetObjectCommand({
    ...named(ref),
    ...versioned(version),
    ...(range && { Range: `bytes=${range.start}-${range.end - 1}` }),
    ...(etag !== undefined && { IfMatch: `"${etag}"` }),
  })
  try {
    const { Body, ContentLength } = await client.send(command)
    if (!(Body instanceof Readable)) throw unreadable(ref)
    const asked = range ? range.end - range.start : Number.POSITIVE_INFINITY
    return checkedStream(ref, Body, { promised: ContentLength ?? 0, asked })
  } catch (error) {
    if (isBeyondEnd(error)) return Readable.from([])
    throw readFault(ref, options, error)
  }
}

async function write(
  client: S3Client,
  ref: ObjectRef,
  body: ObjectBody,
  options: WriteOptions,
): Promise<ObjectInfo> {
  checkKey(ref)
  const { once = false, metadata, contentType } = options
  const bytes = body instanceof Uint8Array ? body.byteLength : (await stat(body.file)).size
  const input = {
    ...named(ref),
    ...(once && { IfNoneMatch: '*' }),
    ...(metadata && { Metadata: metadata }),
    ...(contentType !== undefined && { ContentType: contentType }),
  }
  for (let tries = 1; ; tries++) {
    try {
      return infoOf(await put(client, input, body, bytes), bytes, metadata)
    } catch (error) {
      if (once && isConflict(error) && tries < conflictTriesMax) continue
      throw writeFault(ref, once, error)
    }
  }
}

interface Written {
  ETag?: string | undefined
  VersionId?: string | undefined
}

async function put(
  client: S3Client,
  input: PutObjectCommandInput,
  body: ObjectBody,
  bytes: number,
): Promise<Written> {
  if (body instanceof Uint8Array || bytes <= singlePutBytesMax) {
    const Body = body instanceof Uint8Array ? body : await readFile(body.file)
    return client.send(new PutObjectCommand({ ...input, Body, ChecksumAlgorithm: 'SHA256' }))
  }
  const upload = new Upload({
    client,
    params: { ...input, Body: createReadStream(body.file) },
    partSize: Math.max(partBytesMin, Math.ceil(bytes / partsMax)),
    queueSize: partsAtOnce,
  })
  return upload.done()
}

async function list(
  client: S3Client,
  bucket: string,
  prefix: string,
  after?: string,
): Promise<{ objects: ListedObject[]; next?: string }> {
  const command = new ListObjectsV2Command({
    Bucket: bucket,
    Prefix: prefix,
    MaxKeys: listPageMax,
    // XML cannot carry every character that a key may have.
    EncodingType: 'url',
    ...(after !== undefined && { StartAfter: after }),
  })
  try {
    const { Contents = [], IsTruncated, EncodingType } = await client.send(command)
    const objects = Contents.map(({ Key = '', Size = 0, ETag, LastModified }) => ({
      // Servers that are not S3 may leave keys as they are, and then say so.
      key: EncodingType === 'url' ? decodeURIComponent(Key.replaceAll('+', ' ')) : Key,
      bytes: Size,
      etag: unquoted(ETag),
      modifiedAt: LastModified?.getTime() ?? 0,
    }))
    const last = objects.at(-1)
    return IsTruncated && last ? { objects, next: last.key } : { objects }
  } catch (error) {
    throw awsFault('S3 ListObjectsV2', error)
  }
}

function named({ bucket, key }: ObjectRef): { Bucket: string; Key: string } {
  return { Bucket: bucket, Key: key }
}

function versioned(version: string | undefined): { VersionId?: string } {
  return version === undefined ? {} : { VersionId: version }
}

function infoOf(
  { ETag, VersionId }: Written,
  bytes: number,
  metadata: Record<string, string> = {},
): ObjectInfo {
  // Where versions were never kept, S3 names none; where they are suspended, it says "null".
  const version = VersionId === undefined || VersionId === 'null' ? {} : { version: VersionId }
  return { bytes, etag: unquoted(ETag), ...version, metadata: lowerCased(metadata) }
}

function unquoted(etag = ''): string {
  return etag.replace(/^"|"$/g, '')
}

function unreadable(ref: ObjectRef): MillraceError {
  return new MillraceError('INVARIANT_BROKEN', `S3 gave no stream for ${nameOf(ref)}.`)
}
