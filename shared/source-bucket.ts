/** The buckets that pipelines take objects from: the stage's drops bucket, and users' own. Pure. */
import type { Pipeline } from './pipeline.ts'

/** Where the pipeline's objects are. */
export function sourceBucket({ source }: Pick<Pipeline, 'source'>, dropsBucket: string): string {
  return source.bucket ?? dropsBucket
}

/** Are there objects in that bucket that a pipeline takes? */
export function isSourceBucket(pipelines: readonly Pipeline[], bucket: string, dropsBucket: string): boolean {
  return bucket === dropsBucket || pipelines.some(({ source }) => source.bucket === bucket)
}

/** The users' own, each once, in order. */
export function ownBuckets(pipelines: readonly Pipeline[]): string[] {
  return [...new Set(pipelines.flatMap(({ source }) => source.bucket ?? []))].toSorted()
}
