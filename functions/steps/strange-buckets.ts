/** Buckets that are not the stage's: who owns them decides what may be read. */
import type { Config } from '../../shared/config.ts'
import { isError, MillraceError } from '../../shared/errors.ts'

/**
 * Where S3 refuses to read of such a bucket, another try would be refused alike, and a person is told.
 * Errors: those of `read`, but BAD_INPUT with the refusal SOURCE_NOT_READABLE where that is refused.
 */
export async function readingOf<Answer>(
  { config }: { config: Pick<Config, 'buckets'> },
  bucket: string,
  read: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await read()
  } catch (cause) {
    // Of the stage's own buckets it is a fault of the deployment, and the event waits for its repair.
    if (!isError(cause, 'REQUEST_REFUSED') || Object.values(config.buckets).includes(bucket)) throw cause
    throw new MillraceError('BAD_INPUT', `s3://${bucket} may not be read: ${cause.message}`, {
      cause,
      refusal: 'SOURCE_NOT_READABLE',
      remedy:
        "Name the bucket in the pipeline's source.bucket, its KMS key in source.kmsKeyArn, and deploy; it must be in the stage's own account and Region, and its policy must not deny it. Then drop the object again, or load it with `millrace load`.",
    })
  }
}
