/** Opens the S3 adapter on any endpoint that speaks S3, with a bucket of its own. */
import {
  BucketVersioningStatus,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { createS3Objects } from '../../shared/aws/objects.ts'
import { newId } from '../../shared/clock.ts'
import type { ObjectsUnderTest } from './objects.ts'

const pagesMax = 100

/** `versioned` as the drops bucket is. Give `forcePathStyle: true` for servers without a name per bucket. */
export async function openS3Objects(config: S3ClientConfig, versioned = false): Promise<ObjectsUnderTest> {
  const client = new S3Client(config)
  const bucket = `contract-${newId()}`
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  if (versioned) {
    const VersioningConfiguration = { Status: BucketVersioningStatus.Enabled }
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }))
  }
  return {
    objects: createS3Objects({ client }),
    bucket,
    async dispose() {
      await empty(client, bucket)
      await client.send(new DeleteBucketCommand({ Bucket: bucket }))
      client.destroy()
    },
  }
}

async function empty(client: S3Client, bucket: string): Promise<void> {
  for (let page = 0; page < pagesMax; page++) {
    const listing = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }))
    const found = [...(listing.Versions ?? []), ...(listing.DeleteMarkers ?? [])]
    if (found.length === 0) return
    const Objects = found.map(({ Key, VersionId }) => ({ Key, VersionId }))
    await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }))
  }
}
